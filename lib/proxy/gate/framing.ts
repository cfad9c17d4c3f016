import type { IncomingMessage, ServerResponse } from 'node:http'
import { AuthError } from '../../errors.ts'
import { TOKEN } from '../headers/header-names.ts'

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\0-\u0008\u000A-\u001F\u007F]/

/** Connections on which something came whose end is a matter of opinion. What follows may be part of it. */
const doubtful = new WeakSet<object>()

/** Is there a body (RFC 9112 §6.3)? One of no bytes is none. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0)
}

/**
 * How long is the body (RFC 9112 §6.3)? Costs next to nothing, so it can be asked of every request as soon as it comes: Node hands out
 * what is pipelined behind a request at once, whatever will be answered to that.
 *
 * @returns what is wrong, or `undefined`.
 */
export function lengthComplaint(req: IncomingMessage): string | undefined {
  const encoding = req.headers['transfer-encoding']
  const complaint = encoding === undefined ? undefined : encodingComplaint(req, encoding)
  if (complaint !== undefined) doubtful.add(req.socket)
  return doubtful.has(req.socket) ? (complaint ?? 'it follows one whose end is not clear') : undefined
}

function encodingComplaint(
  { headers, httpVersionMajor, httpVersionMinor }: IncomingMessage,
  encoding: string,
): string | undefined {
  if (headers['content-length'] !== undefined) return 'it has both Content-Length and Transfer-Encoding'
  if (encoding.toLowerCase() !== 'chunked') return 'its Transfer-Encoding is not "chunked"'
  if (httpVersionMajor === 1 && httpVersionMinor === 0) return 'HTTP/1.0 has no Transfer-Encoding'
  return undefined
}

/**
 * Where does the message end, and each of its lines (request smuggling; RFC 9112 §6.3, §11.2)? Node's parser refuses nearly everything that
 * leaves room for doubt; this is about the rest, and about servers with `insecureHTTPParser`.
 *
 * @returns what is wrong, or `undefined`.
 */
export function framingComplaint(req: IncomingMessage): string | undefined {
  const complaint = lengthComplaint(req) ?? headComplaint(req)
  if (complaint !== undefined) doubtful.add(req.socket)
  return complaint
}

function headComplaint({ rawHeaders, httpVersionMajor }: IncomingMessage): string | undefined {
  if (httpVersionMajor < 1) return 'HTTP/0.9 has no headers'
  let hosts = 0
  let lengths = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!TOKEN.test(name) || CONTROL.test(rawHeaders[at + 1] as string)) return 'it has a header that is none'
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
    if (name.length === 14 && name.toLowerCase() === 'content-length') lengths += 1
  }
  return hosts > 1 || lengths > 1 ? 'it has more than one Host or Content-Length' : undefined
}

/** The answer is the last one on its connection. */
export function malformed(complaint: string, res: ServerResponse): AuthError {
  if (!res.headersSent) res.setHeader('Connection', 'close')
  return new AuthError('ERR_AUTH_REQUEST', `this request is malformed: ${complaint}`)
}
