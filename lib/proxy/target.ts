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
