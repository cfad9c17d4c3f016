import type { IssuedToken, TokenSet } from '../protocol/token-response.ts'
import type { GrantTokens } from './grant.ts'

/** The oldest goes when there are more: an application that makes its scopes up must not fill the record. */
const MAX_TARGETS = 20

/** The access token for one target; `undefined`, the key of the grant's own, is always there. */
export function issuedFor(tokens: GrantTokens, key: string | undefined): IssuedToken | undefined {
  return key === undefined ? tokens : tokens.perResource?.[key]
}

/**
 * The tokens after a refresh: what the answer leaves out stays as it was (RFC 6749 §6; OIDC Core §12.2), and so do the access tokens
 * for other targets until they expire. What a refresh repeats of the sign-in is the sign-in's, for good.
 *
 * @param key of the target that was asked for.
 * @param now epoch milliseconds.
 */
export function successor(previous: GrantTokens, answer: TokenSet, key: string | undefined, now: number): GrantTokens {
  const { refreshToken = previous.refreshToken, idToken = previous.idToken, ...issued } = answer
  const others = Object.entries(previous.perResource ?? {}).filter(
    ([other, { expiresAt }]) => other !== key && (expiresAt === undefined || expiresAt > now),
  )
  const targets: [string, IssuedToken][] = key === undefined ? others : [...others, [key, issued]]
  const perResource = targets.length === 0 ? {} : { perResource: Object.fromEntries(targets.slice(-MAX_TARGETS)) }
  if (key !== undefined) return { ...previous, refreshToken, idToken, ...perResource }
  const { refreshParameters } = previous
  const repeated = refreshParameters === undefined ? {} : { refreshParameters }
  return { ...issued, scope: issued.scope ?? previous.scope, refreshToken, idToken, ...repeated, ...perResource }
}
