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

/**
 * `Location` and `Content-Location` (RFC 9110 §8.7, §10.2.2) of the target, for the browser: what is below the target is below the mount point,
 * whether it is given as a URL, a path or relative to the request; everything else stays as it is. An application's `rewrite` is not undone.
 */
export function publicLocation(
  location: string,
  target: Target,
  { path: requested, mount, publicOrigin }: Route,
): string {
  const base = target.origin + target.prefix + requested
  if (!URL.canParse(location, base)) return location
  const { origin, pathname, search, hash } = new URL(location, base)
  if (origin !== target.origin || !isBelow(pathname, target.prefix)) return location
  const path = `${mount}${pathname.slice(target.prefix.length)}${search}${hash}`
  // A browser would take it for another host.
  return path.startsWith('/') && !path.startsWith('//') ? path : `${publicOrigin}${path}`
}
