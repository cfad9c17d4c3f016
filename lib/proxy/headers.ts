import type { Request } from 'express'

/** About one connection only (RFC 9110 §7.6.1), and what Node or undici write themselves. */
const PER_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']) // prettier-ignore

/** Never taken over from the caller: credentials that are not for the target, and what says who called. */
const OURS = new Set(['host', 'expect', 'cookie', 'authorization', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']) // prettier-ignore

export interface RequestHeaderSettings {
  /** The application's public origin. */
  readonly publicUrl: URL
  /** Names of cookies that the target may see. */
  readonly forwardCookies: readonly string[]
}

/**
 * The request's headers for the target, flat, without `Authorization`; the token is put in last and by nobody else.
 *
 * @param sessionCookie stays here, also where its name is among those to be forwarded.
 */
export function requestHeaders(
  req: Request,
  { publicUrl, forwardCookies }: RequestHeaderSettings,
  sessionCookie: string,
): string[] {
  const named = namedByConnection(req.headers.connection)
  const headers: string[] = []
  for (let at = 0; at < req.rawHeaders.length; at += 2) {
    const name = req.rawHeaders[at] ?? ''
    const lower = name.toLowerCase()
    if (PER_HOP.has(lower) || OURS.has(lower) || named.has(lower)) continue
    headers.push(name, req.rawHeaders[at + 1] ?? '')
  }
  const names = forwardCookies.filter((name) => name !== sessionCookie)
  const cookies = cookiesToForward(req.headers.cookie, names)
  if (cookies !== '') headers.push('cookie', cookies)
  headers.push(
    'x-forwarded-for',
    req.ip ?? '',
    'x-forwarded-host',
    publicUrl.host,
    'x-forwarded-proto',
    publicUrl.protocol.slice(0, -1),
  )
  return headers
}

/** As they came: name, value, name, value. */
export type RawHeaders = readonly (Buffer | string)[]

/** The target's headers for the caller, flat, with names in lower case. @param sessionCookie the target may not set. */
export function responseHeaders(raw: RawHeaders, sessionCookie: string): string[] {
  const pairs: [string, string][] = []
  for (let at = 0; at < raw.length; at += 2) pairs.push([String(raw[at]), bytesOf(raw[at + 1])])
  const connection = pairs.filter(([name]) => name.toLowerCase() === 'connection').map(([, value]) => value)
  const named = namedByConnection(connection.join())

  const headers: string[] = []
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase()
    if (PER_HOP.has(lower) || named.has(lower)) continue
    if (lower === 'set-cookie' && cookieName(sentBack(value)) === sessionCookie) continue
    headers.push(lower, value)
  }
  return headers
}

/** Header values are bytes; Node writes strings as Latin-1. */
function bytesOf(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}

function namedByConnection(connection: string | undefined): Set<string> {
  return new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()))
}

function cookiesToForward(header: string | undefined, names: readonly string[]): string {
  if (header === undefined || names.length === 0) return ''
  const pairs = header.split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => names.includes(cookieName(pair))).join('; ')
}

/** Browsers keep `=name=value` as a cookie without a name, and send it back as `name=value`. */
function sentBack(setCookie: string): string {
  return setCookie.replace(/^\s*=/, '')
}

function cookieName(pair: string): string {
  return pair.split(/[=;]/, 1)[0]?.trim() ?? ''
}
