import type { Request, Response } from 'express'
import type { Socket } from 'node:net'
import { AuthError } from '../../errors.ts'
import type { Runtime } from '../../runtime.ts'
import { responseHeaders, type AnswerRules, type RawHeaders } from '../headers/headers.ts'
import type { Target } from '../target.ts'
import { masked } from '../headers/token-mask.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { Tunnel } from './upgrade-tunnel.ts'
import { acceptOf } from './web-socket-frames.ts'

/** What a 101 has no use for (RFC 9110 §6.4.1). */
const OF_A_BODY = new Set(['content-type', 'content-encoding'])

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

/** The target's 101. */
export interface UpgradeAnswer {
  readonly rawHeaders: RawHeaders
  /** To the target, from now on the caller's. */
  readonly socket: Socket
  readonly from: Target
}

export interface AcceptedUpgrade {
  readonly req: Request
  readonly upgrade: UpgradeRequest
  readonly answer: UpgradeAnswer
  readonly rules: AnswerRules
  /** That the target may not repeat. */
  readonly token: string | undefined
  readonly runtime: Runtime
}

/**
 * The target goes on in another protocol: so does the client, and from then on the two are joined.
 *
 * @throws if the target's answer is not to what it was asked; nothing has been said to the client then.
 */
export function acceptUpgrade({ req, upgrade, answer, rules, token, runtime }: AcceptedUpgrade): Tunnel {
  const { rawHeaders, socket: target, from } = answer
  const protocol = agreedProtocol(upgrade, rawHeaders)
  const headers = responseHeaders(rawHeaders, rules, from, 101)
  const isWebSocketTunnel = isWebSocket(protocol)
  // It may be another server's answer, or none at all, that an API passes on with the status alone (request smuggling).
  const accept = headers.find((_, at) => at % 2 === 1 && headers[at - 1] === 'sec-websocket-accept')
  if (isWebSocketTunnel && accept !== acceptOf(req.headers['sec-websocket-key'] ?? ''))
    throw new Error('the target accepts a web socket, but not this one')

  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${protocol}`]
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2)
    if (!OF_A_BODY.has(name) && !CONTROL.test(value)) lines.push(`${name}: ${masked(value, token)}`)
  }
  const client = upgrade.take()
  const tunnel = new Tunnel(client, target, isWebSocketTunnel, runtime)
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  tunnel.start()
  return tunnel
}

/** @throws if it is none of those that were offered. */
function agreedProtocol({ protocols }: UpgradeRequest, rawHeaders: RawHeaders): string {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toString().toLowerCase() === 'upgrade')
  const agreed = at === -1 ? undefined : rawHeaders[at + 1]?.toString().toLowerCase()
  const offered = protocols.find((protocol) => protocol.toLowerCase() === agreed)
  if (offered === undefined) throw new Error('the target goes on in a protocol that it was not offered')
  return offered
}

function isWebSocket(protocol: string): boolean {
  return protocol.toLowerCase() === 'websocket'
}
