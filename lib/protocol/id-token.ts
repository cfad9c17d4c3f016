import { decodeJwt, type JWTPayload } from 'jose'
import type { Provider } from '../providers/provider.ts'

/** Does a sign-in bring an ID Token (OIDC Core §3.1.2.1), and is it looked at? */
export function expectsIdToken({ idToken, scope }: Pick<Provider, 'idToken' | 'scope'>): boolean {
  return idToken === 'validate' && scope.split(' ').includes('openid')
}

/** What an ID Token that came with a refresh response must agree with (OIDC Core §12.2). */
export interface RefreshedIdTokenExpectation {
  readonly issuer: string
  readonly clientId: string
  /** Of the ID Token at sign-in. */
  readonly subject: string | undefined
}

/**
 * The verdict that needs no network.
 * `alien`: made for somebody else, so the tokens beside it cannot be trusted either. `stale`: right, but past its `exp`;
 * some servers repeat the first one. `unverified`: right so far, the signature is still to be checked.
 */
export type IdTokenVerdict = 'unverified' | 'stale' | 'alien'

export function judgeRefreshedIdToken(
  idToken: string,
  expected: RefreshedIdTokenExpectation,
  now: number,
  toleranceSeconds: number,
): IdTokenVerdict {
  let claims: JWTPayload
  try {
    claims = decodeJwt(idToken)
  } catch {
    return 'alien'
  }
  const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  if (claims.iss !== expected.issuer || !audience.includes(expected.clientId)) return 'alien'
  if (claims.sub === undefined || (expected.subject !== undefined && claims.sub !== expected.subject)) return 'alien'
  return claims.exp !== undefined && claims.exp * 1_000 > now - toleranceSeconds * 1_000 ? 'unverified' : 'stale'
}
