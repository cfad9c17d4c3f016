import type { Request } from 'express'
import { isCacheControl, keepForOneUser } from './caching.ts'
import { cookiesToForward, setsSession } from './cookies.ts'
import { forwardedHeaders } from './forwarded.ts'
import { folded, isOwnName, METHOD_OVERRIDES, namedByConnection, PER_HOP } from './header-names.ts'
import { DEFAULT_HEADER } from './identity-options.ts'
import { publicLocation, type Route } from './location.ts'
import type { ProxySettings } from '../proxy-options.ts'
import type { Target } from '../target.ts'

export interface RequestHeaderRules {
  /** Who called, and what for. */
  readonly forwarded: (req: Request) => readonly string[]
  /** Names of cookies that the target may see. */
  readonly forwardCookies: ReadonlySet<string>
  /** Names, as {@link folded}, that this proxy alone sets. */
  readonly ownNames: ReadonlySet<string>
}

export function requestHeaderRules(settings: ProxySettings, publicUrl: URL): RequestHeaderRules {
  const own = Object.keys(settings.identityHeaders ?? {})
  if (settings.assertion !== undefined) own.push(settings.assertion.header ?? DEFAULT_HEADER)
  // A method that may not be forwarded may not be forwarded as another one.
  if (settings.allow?.methods !== undefined) own.push(...METHOD_OVERRIDES)
  return {
    forwarded: forwardedHeaders(publicUrl),
    forwardCookies: new Set(settings.forwardCookies),
    ownNames: new Set(own.map((name) => folded(name.toLowerCase()))),
  }
}

/**
 * The request's headers for the target, flat: name, value, name, value. Without `Authorization`, and without what tells about the user; both
 * are put in behind these, by nobody else.
 *
 * @param sessionCookies stay here, also where their names are among those to be forwarded.
 */
export function requestHeaders(
  req: Request,
  { forwarded, forwardCookies, ownNames }: RequestHeaderRules,
  sessionCookies: readonly string[],
): string[] {
  const { rawHeaders, headers } = req
  const named = perConnection(headers.connection)
  const result: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const lower = name.toLowerCase()
    if (isOwnName(lower) || ownNames.has(folded(lower)) || named?.has(folded(lower)) === true) continue
    result.push(lower, rawHeaders[at + 1] as string)
  }
  const cookies = cookiesToForward(headers.cookie, forwardCookies, sessionCookies)
  if (cookies !== '' && named?.has('cookie') !== true) result.push('cookie', cookies)
  // As it says to us, so we say to the target; without `Connection: te`, which undici cannot say.
  if (takesTrailers(req)) result.push('te', 'trailers')
  result.push(...forwarded(req))
  return result
}

/** Fields behind the body of the answer (RFC 9110 §10.1.4). */
export function takesTrailers({ headers: { te } }: Request): boolean {
  return te !== undefined && /(?:^|,)\s*trailers\s*(?:,|$)/i.test(String(te))
}

/** As they came: name, value, name, value. */
export type RawHeaders = readonly (Buffer | string)[]

export interface AnswerRules {
  /** The target may not set these cookies. */
  readonly sessionCookies: readonly string[]
  readonly route: Route
  /** Are there `allowOrigins`? */
  readonly hasOtherOrigins: boolean
  /** Might somebody else's be another one, or none? */
  readonly isForOneUser: boolean
  /** Names, as {@link folded}, that this proxy alone sets. */
  readonly ownNames: ReadonlySet<string>
}

type Kind = 'dropped' | 'set-cookie' | 'location' | 'for-other-origins' | 'for-surrogates'

/** What becomes of a header of an answer; the others pass as they are. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...[...PER_HOP].map((name) => [name, 'dropped'] as const),
  // Echoes of credentials that the browser does not have (RFC 9110 §11.6.3).
  ['authorization', 'dropped'],
  ['authentication-info', 'dropped'],
  ['proxy-authentication-info', 'dropped'],
  // Said by the target of its own host, they would hold for ours: sign people out, lock them out of http:, lead them elsewhere, or have browsers
  // report to somebody what fails here, URLs with codes included, or say more of themselves whenever they ask us.
  ['clear-site-data', 'dropped'],
  ['strict-transport-security', 'dropped'],
  ['public-key-pins', 'dropped'],
  ['alt-svc', 'dropped'],
  ['nel', 'dropped'],
  ['report-to', 'dropped'],
  ['accept-ch', 'dropped'],
  ['set-login', 'dropped'],
  // A worker from here would see requests for all of our origin.
  ['service-worker-allowed', 'dropped'],
  // A web server in front of us would send one of its own files instead.
  ['x-accel-redirect', 'dropped'],
  ['x-sendfile', 'dropped'],
  // Which other origins may call is not for the target to say: they would call with our cookies.
  ['access-control-allow-origin', 'dropped'],
  ['access-control-allow-credentials', 'dropped'],
  ['access-control-allow-methods', 'dropped'],
  ['access-control-allow-headers', 'dropped'],
  ['access-control-allow-private-network', 'dropped'],
  ['access-control-max-age', 'dropped'],
  ['access-control-expose-headers', 'for-other-origins'],
  ['set-cookie', 'set-cookie'],
  ['set-cookie2', 'set-cookie'],
  ['location', 'location'],
  ['content-location', 'location'],
  // Said to a server in front of the target, and heeded by one in front of us, whatever `Cache-Control` says.
  ['edge-control', 'for-surrogates'],
  ['surrogate-control', 'for-surrogates'],
  ['x-accel-expires', 'for-surrogates'],
])

/**
 * The target's headers for the caller, flat: lower-case name, value, name, value, as `res.writeHead()` takes them. A name can come several
 * times.
 *
 * @param raw as received. Values are bytes; Node writes strings as Latin-1.
 * @param from where they come from.
 * @param status of the answer that they are the head of; `undefined`: they come behind its body.
 * @throws if the body is in a transfer coding that nobody takes off: the caller, who is told of none, would take that for the content.
 */
export function responseHeaders(raw: RawHeaders, rules: AnswerRules, from: Target, status?: number): string[] {
  if (status !== undefined) demandContent(raw)
  const hasNoLength = status !== undefined && (status < 200 || status === 204) // RFC 9110 §8.6
  const named = perConnection(valueOf(raw, 'connection'))
  const result: string[] = []
  let isOfCaches = false
  for (let at = 0; at < raw.length; at += 2) {
    const name = textOf(raw[at]).toLowerCase()
    const kind = KINDS.get(name)
    if (kind === 'dropped' || named?.has(name) === true || (hasNoLength && name === 'content-length')) continue
    const value = textOf(raw[at + 1])
    if (kind === undefined) result.push(name, value)
    else pushSpecial(result, kind, name, value, rules, from)
    isOfCaches ||= name === 'vary' || isCacheControl(name)
  }
  if (isOfCaches && rules.isForOneUser) keepForOneUser(result, rules.ownNames)
  return result
}

function pushSpecial(
  result: string[],
  kind: Kind,
  name: string,
  value: string,
  rules: AnswerRules,
  from: Target,
): void {
  if (kind === 'set-cookie' && setsSession(value, rules.sessionCookies)) return
  if (kind === 'for-other-origins' && !rules.hasOtherOrigins) return
  if (kind === 'for-surrogates' && rules.isForOneUser) return
  result.push(name, kind === 'location' ? publicLocation(value, from, rules.route) : value)
}

/** Of a name or a value. */
export function textOf(raw: Buffer | string | undefined): string {
  return typeof raw === 'string' ? raw : (raw?.toString('latin1') ?? '')
}

/** Chunked, and once, is what undici takes off, and all that it was asked for (RFC 9112 §6.1, §7.4). */
function demandContent(raw: RawHeaders): void {
  const coding = valueOf(raw, 'transfer-encoding')
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked')
    throw new Error('the target answers in a transfer coding other than chunked')
}

/** Of all lines of a header. @param lower its name in lower case. */
export function valueOf(raw: RawHeaders, lower: string): string | undefined {
  let found: string | undefined
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as Buffer | string
    if (name.length !== lower.length || textOf(name).toLowerCase() !== lower) continue
    const value = textOf(raw[at + 1])
    found = found === undefined ? value : `${found},${value}`
  }
  return found
}

/** The usual ones name nothing. */
function perConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined) return undefined
  const lower = connection.toLowerCase()
  return lower === 'keep-alive' || lower === 'close' ? undefined : namedByConnection(lower)
}
