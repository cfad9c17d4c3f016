import { folded } from './header-names.ts'

/** Says who may keep it (RFC 9111 §3.5, §5.2.2). */
const DECIDED = /(?:^|,)\s*(?:private(?!\s*=)|public|must-revalidate|s-maxage(?=\s*=))(?![\w-])/i
const NO_STORE = /(?:^|,)\s*no-store(?![\w-])/i
/** Who does, passes over `no-store` (RFC 9111 §5.2.2.3). */
const MUST_UNDERSTAND = /(?:^|,)\s*must-understand(?![\w-])/i

/** Also without its end. */
const QUOTED = /"(?:\\.|[^"\\])*(?:"|\\?$)/g

/** Of `Cache-Control` and its like for some caches only (RFC 9213). @param lower its name in lower case. */
export function isCacheControl(lower: string): boolean {
  return lower === 'cache-control' || lower.endsWith('-cache-control')
}

/**
 * A shared cache keeps no answer to a request with `Authorization` unless it is told that it may (RFC 9111 §3.5), and targets rely on that.
 * The browser's request has none, so what they left unsaid is said: the answer is for one user. And where it varies with what the browser
 * does not send, it varies with the cookie.
 *
 * @param headers of an answer, flat: lower-case name, value, name, value. Changed.
 * @param ownNames names, as {@link folded}, of headers beside `Authorization` that the target alone sees.
 */
export function keepForOneUser(headers: string[], ownNames: ReadonlySet<string>): void {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (isCacheControl(name) && !isDecided(allOf(name, headers))) add(headers, at, 'private')
    if (name === 'vary' && namesAny(allOf(name, headers), ownNames)) add(headers, at, 'cookie')
  }
}

/** In front: behind a quote that does not end it would be part of it. */
function add(headers: string[], at: number, word: string): void {
  const value = headers[at + 1]
  headers[at + 1] = value === '' ? word : `${word}, ${value}`
}

/** The values of all its lines. */
function allOf(name: string, headers: readonly string[]): string {
  return headers.filter((_value, at) => at % 2 === 1 && headers[at - 1] === name).join(', ')
}

function isDecided(cacheControl: string): boolean {
  const said = cacheControl.replaceAll(QUOTED, '')
  return DECIDED.test(said) || (NO_STORE.test(said) && !MUST_UNDERSTAND.test(said))
}

function namesAny(vary: string, ownNames: ReadonlySet<string>): boolean {
  const names = vary.split(',').map((name) => folded(name.trim().toLowerCase()))
  return names.some((name) => name === 'authorization' || ownNames.has(name))
}
