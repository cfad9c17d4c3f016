import type { Request, Response } from 'express'
import type { Socket } from 'node:net'
import { AuthError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { responseHeaders } from './headers.ts'
import { TokenMask } from './token-mask.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { Tunnel } from './upgrade-tunnel.ts'
import { acceptOf } from './web-socket-frames.ts'

/** What a 101 must not have (RFC 9110 §6.4.1). */
const OF_A_BODY = new Set(['content-length', 'content-type', 'content-encoding'])

const CONTROL = /[\0\r\n]/

/**
 * Is the request what it says, as far as a web socket goes (RFC 6455 §4.2.1)?
 *
 * @returns `false`: it was answered, for it is of another version.
 * @throws {AuthError} `ERR_AUTH_REQUEST`
 */
export function demandHandshake(req: Request, res: Response, { protocols }: UpgradeRequest): boolean {
  if (!protocols.some(isWebSocket)) return true
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = req.headers
  if (req.method !== 'GET' || typeof key !== 'string' || Buffer.from(key, 'base64').length !== 16)
    throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: it opens no web socket')
  if (version === '13') return true
  res.status(426).set({ 'sec-websocket-version': '13', 'cache-control': 'no-store' }).end()
  return false
}

export interface AcceptedUpgrade {
  readonly req: Request
  readonly upgrade: UpgradeRequest
  /** Of the target's 101. */
  readonly rawHeaders: readonly (Buffer | string)[]
  readonly target: Socket
  /** The target may not set this cookie, nor repeat this token. */
  readonly sessionCookie: string
  readonly token: string | undefined
  readonly runtime: Runtime
}

/**
 * The target goes on in another protocol: so does the client, and from then on the two are joined.
 *
 * @throws if the target's answer is not to what it was asked; nothing has been said to the client then.
 */
export function acceptUpgrade(accepted: AcceptedUpgrade): Tunnel {
  const { req, upgrade, rawHeaders, target, sessionCookie, token, runtime } = accepted
  const protocol = agreedProtocol(upgrade, rawHeaders)
  const headers = responseHeaders(rawHeaders, sessionCookie)
  const key = req.headers['sec-websocket-key'] ?? ''
  const webSocket = isWebSocket(protocol)
  // It may be another server's answer, or none at all, that an API passes on with the status alone (request smuggling).
  if (webSocket && headers.get('sec-websocket-accept')?.join() !== acceptOf(key))
    throw new Error('the target accepts a web socket, but not this one')

  const mask = token === undefined ? undefined : new TokenMask(token)
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${protocol}`]
  for (const [name, values] of headers) {
    if (OF_A_BODY.has(name)) continue
    for (const value of values) if (!CONTROL.test(value)) lines.push(`${name}: ${mask?.header(value) ?? value}`)
  }
  const client = upgrade.take()
  const tunnel = new Tunnel(client, target, webSocket, runtime)
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  tunnel.start()
  return tunnel
}

/** @throws if it is none of those that were offered. */
function agreedProtocol({ protocols }: UpgradeRequest, rawHeaders: readonly (Buffer | string)[]): string {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toString().toLowerCase() === 'upgrade')
  const agreed = at === -1 ? undefined : rawHeaders[at + 1]?.toString().toLowerCase()
  const offered = protocols.find((protocol) => protocol.toLowerCase() === agreed)
  if (offered === undefined) throw new Error('the target goes on in a protocol that it was not offered')
  return offered
}

function isWebSocket(protocol: string): boolean {
  return protocol.toLowerCase() === 'websocket'
}
