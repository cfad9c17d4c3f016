import { compactVerify, decodeJwt, type JWTPayload, type RemoteJWKSet } from 'jose'
import { isError } from '../errors.ts'

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

/**
 * Checks the signature, and nothing else, of an ID Token whose claims were judged before (OIDC Core §3.1.3.7).
 *
 * @returns `false` if it is not the server's. A key that is not in the set is looked for once more in the set as it is now.
 * @throws whatever fetching the set throws: nothing is known then.
 */
export async function isSignedByServer(idToken: string, keys: RemoteJWKSet, algorithms: string[]): Promise<boolean> {
  try {
    await compactVerify(idToken, keys, { algorithms })
    return true
  } catch (error) {
    if (codeOf(error) === NO_SUCH_KEY) return isSignedByNewKey(idToken, keys, algorithms)
    if (VERDICTS.has(codeOf(error))) return false
    throw error
  }
}

async function isSignedByNewKey(idToken: string, keys: RemoteJWKSet, algorithms: string[]): Promise<boolean> {
  await keys.reload()
  try {
    await compactVerify(idToken, keys, { algorithms })
    return true
  } catch (error) {
    if (codeOf(error) === NO_SUCH_KEY || VERDICTS.has(codeOf(error))) return false
    throw error
  }
}

const NO_SUCH_KEY = 'ERR_JWKS_NO_MATCHING_KEY'

const VERDICTS = new Set(['ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'ERR_JWS_INVALID', 'ERR_JOSE_ALG_NOT_ALLOWED', 'ERR_JOSE_NOT_SUPPORTED']) // prettier-ignore

function codeOf(error: unknown): string {
  return isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
