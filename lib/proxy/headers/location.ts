import { isBelow } from '../gate/path.ts'
import type { Target } from '../target.ts'

/** Where a request came in and where it went. */
export interface Route {
  /** And query, below the target. */
  readonly path: string
  /** The path that the proxy is mounted at, without a slash at the end. */
  readonly mount: string
  readonly publicOrigin: string
}

const NOT_ASCII = /[\u0080-\u00FF]/g

/**
 * `Location` and `Content-Location` (RFC 9110 §8.7, §10.2.2) of the target, for the browser: what is below the target is below the mount point,
 * whether it is given as a URL, a path or relative to the request; everything else stays as it is. An application's `rewrite` is not undone.
 *
 * @param location as Latin-1: a character for each byte.
 */
export function publicLocation(
  location: string,
  target: Target,
  { path: requested, mount, publicOrigin }: Route,
): string {
  const base = target.origin + target.prefix + requested
  // Whatever they spell, browsers send the same bytes.
  const ascii = location.replace(NOT_ASCII, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
  if (!URL.canParse(ascii, base)) return location
  const { origin, pathname, search, hash } = new URL(ascii, base)
  if (origin !== target.origin || !isBelow(pathname, target.prefix)) return location
  const path = `${mount}${pathname.slice(target.prefix.length)}${search}${hash}`
  // A browser would take it for another host.
  return path.startsWith('/') && !path.startsWith('//') ? path : `${publicOrigin}${path}`
}
