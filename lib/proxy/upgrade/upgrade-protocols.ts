import type { IncomingMessage } from 'node:http'

/**
 * Protocols that carry requests of their own: what was decided about this request says nothing of those (request smuggling by `h2c`).
 * They are not spoken here.
 */
const CARRIES_REQUESTS = /^(?:h2c?|h3|s?https?|spdy|tls|ssl)(?![a-z])/i

/** Of those the one that servers are known to take (RFC 9113 §3.1 has done away with it), and that no client offers by accident. */
const HTTP2 = /^h2c?(?![a-z])/i

/** The protocols that a request offers to go on in and that may be (RFC 9110 §7.8), as it spells them. */
export function offeredProtocols(req: IncomingMessage): readonly string[] {
  return allOffered(req).filter((protocol) => !CARRIES_REQUESTS.test(protocol))
}

/** Would it go on in HTTP/2, past every decision about its later requests? */
export function offersHttp2(req: IncomingMessage): boolean {
  return allOffered(req).some((protocol) => HTTP2.test(protocol))
}

function allOffered({ headers }: IncomingMessage): string[] {
  const offered = (headers.upgrade ?? '').split(',').map((protocol) => protocol.trim())
  return offered.filter((protocol) => protocol !== '')
}
