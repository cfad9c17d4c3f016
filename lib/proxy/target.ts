import { AuthError } from '../errors.ts'
import { extrasOf, urlComplaint } from '../option-reader.ts'

/** Where requests go: one origin, and a path that every request's path is put behind. */
export interface Target {
  readonly origin: string
  /** Without a slash at the end. */
  readonly prefix: string
}

/** @throws {AuthError} `ERR_AUTH_OPTIONS` for whatever a token should not be sent to. */
export function readTarget(target: unknown, allowHttp: boolean): Target {
  const url = target instanceof URL ? target.href : target
  const complaint = urlComplaint(url, allowHttp) ?? extrasOf(url as string)
  if (complaint !== undefined) throw new AuthError('ERR_AUTH_OPTIONS', `proxy(): "target" ${complaint}`)
  const { origin, pathname } = new URL(url as string)
  return { origin, prefix: pathname.replace(/\/+$/, '') }
}

/** A dot segment, in clear or encoded, with either slash: servers differ in what they make of it. */
const DOT_SEGMENT = /(?:^|\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=\/|\\|%2f|%5c|;|$)/i

/**
 * The path at the target, byte for byte as it came.
 *
 * @param url path and query below the mount point.
 * @throws {AuthError} `ERR_AUTH_REQUEST` if it could lead out of the target's prefix.
 */
export function pathAtTarget({ prefix }: Target, url: string): string {
  const path = url.split('?', 1)[0] ?? ''
  if (!url.startsWith('/') || DOT_SEGMENT.test(path))
    throw new AuthError('ERR_AUTH_REQUEST', 'this request is malformed: its path has dot segments, or is none')
  return prefix + url
}
