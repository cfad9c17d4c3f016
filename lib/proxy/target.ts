import { AuthError } from '../errors.ts'
import { extrasOf, urlComplaint } from '../url-rule.ts'

/** Where requests go: one origin, and a path that every request's path is put behind. */
export interface Target {
  readonly origin: string
  /** Without a slash at the end. */
  readonly prefix: string
}

/** Why a token should not be sent there, or `undefined`. */
export function targetComplaint(target: unknown, allowHttp: boolean): string | undefined {
  const url = target instanceof URL ? target.href : target
  return urlComplaint(url, allowHttp) ?? extrasOf(url as string)
}

/** @param target one about which there is no complaint. */
export function readTarget(target: string | URL): Target {
  const { origin, pathname } = new URL(target)
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
