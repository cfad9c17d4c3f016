import { AuthError } from '../errors.ts'
import { isResource } from '../url-rule.ts'

/** An access token for one resource server (RFC 8707 §2.2), for part of the granted scope (RFC 6749 §6), or both. */
export interface TokenTarget {
  /** An absolute URI without a fragment. */
  readonly resource?: string | undefined
  /** Space-separated. */
  readonly scope?: string | undefined
}

/**
 * @returns the same for targets that mean the same, `undefined` for the access token that the grant comes with.
 * @throws {AuthError} `ERR_AUTH_OPTIONS` for a resource that no server would understand.
 */
export function targetKey({ resource, scope }: TokenTarget): string | undefined {
  if (resource === undefined && scope === undefined) return undefined
  const scopes = [...new Set(scope?.match(/\S+/g))].toSorted()
  if (resource === undefined && scopes.length === 0) return undefined
  if (resource !== undefined && !isResource(resource)) {
    throw new AuthError('ERR_AUTH_OPTIONS', '"resource" must be an absolute URI without a fragment (RFC 8707 §2)')
  }
  return JSON.stringify([resource ?? '', ...scopes])
}
