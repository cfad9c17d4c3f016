/** Says whether a shared cache may keep it (RFC 9111 §3.5, §5.2.2). */
const DECIDED = /(?:^|[\s,])(?:no-store|private(?!\s*=)|public|must-revalidate|s-maxage\s*=)/i

/**
 * A shared cache keeps no answer to a request with `Authorization` unless it is told that it may (RFC 9111 §3.5), and targets rely on that.
 * The browser's request has none, so what they left unsaid is said here.
 *
 * @param value of `Cache-Control`.
 */
export function forOneUser(value: string): string {
  if (DECIDED.test(value)) return value
  return value === '' ? 'private' : `${value}, private`
}
