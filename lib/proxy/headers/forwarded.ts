import { isIPv4, isIPv6 } from 'node:net'
import type { Request } from 'express'

const ADDRESS = /^[\w.:[\]-]+$/

/**
 * Who called, as far as the application's `trust proxy` lets anybody say so: the addresses of the client and the trusted servers between,
 * and last, that of the connection. Without trust that is the only one.
 */
function addresses(req: Request): string[] {
  const peer = req.socket.remoteAddress ?? 'unknown'
  if (req.headers['x-forwarded-for'] === undefined) return [peer]
  return [...req.ips.filter((address) => ADDRESS.test(address)), peer]
}

/** A node's name (RFC 7239 §6). */
function node(address: string): string {
  if (isIPv4(address) || address === 'unknown') return `for=${address}`
  return isIPv6(address) ? `for="[${address}]"` : `for="${address}"`
}

/**
 * `Forwarded` (RFC 7239) and the headers that came before it, flat. Host and scheme are those that the application was told of; what the caller
 * said of them counts as little as its `Host`. No port and no prefix: they can be told from those, and some servers build links from them.
 */
export function forwardedHeaders({ host, protocol }: URL): (req: Request) => string[] {
  const scheme = protocol.slice(0, -1)
  const asked = `;host="${host}";proto=${scheme}`
  return (req) => {
    const chain = addresses(req)
    return [
      'forwarded',
      chain.map(node).join(', ') + asked,
      'x-forwarded-for',
      chain.join(', '),
      'x-forwarded-host',
      host,
      'x-forwarded-proto',
      scheme,
    ]
  }
}
