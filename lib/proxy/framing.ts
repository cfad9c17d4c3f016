import type { IncomingMessage } from 'node:http'
import { TOKEN } from './header-names.ts'

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\0-\u0008\u000A-\u001F\u007F]/

/**
 * Where does the message end, and each of its lines (request smuggling; RFC 9112 §6.3, §11.2)? Node's parser refuses nearly everything that
 * leaves room for doubt; this is about the rest, and about servers with `insecureHTTPParser`.
 *
 * @returns what is wrong, or `undefined`.
 */
export function framingComplaint({
  headers,
  rawHeaders,
  httpVersionMajor,
  httpVersionMinor,
}: IncomingMessage): string | undefined {
  if (httpVersionMajor < 1) return 'HTTP/0.9 has no headers'
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    if (headers['content-length'] !== undefined) return 'it has both Content-Length and Transfer-Encoding'
    if (encoding.toLowerCase() !== 'chunked') return 'its Transfer-Encoding is not "chunked"'
    if (httpVersionMajor === 1 && httpVersionMinor === 0) return 'HTTP/1.0 has no Transfer-Encoding'
  }
  let hosts = 0
  let lengths = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!TOKEN.test(name) || CONTROL.test(rawHeaders[at + 1] as string)) return 'it has a header that is none'
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
    if (name.length === 14 && name.toLowerCase() === 'content-length') lengths += 1
  }
  if (hosts > 1 || lengths > 1) return 'it has more than one Host or Content-Length'
  return undefined
}
