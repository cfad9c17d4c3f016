import type { TokenEndpointResponse } from 'openid-client'
import type { Provider } from '../providers/provider.ts'

/** An access token, and what is known of it. */
export interface IssuedToken {
  readonly accessToken: string
  /** As used in the `Authorization` header: `Bearer`. */
  readonly tokenType: string
  /** Space-separated. Absent in an answer: as asked for (RFC 6749 §5.1). */
  readonly scope?: string | undefined
  /** Epoch milliseconds. Absent: the server did not say. */
  readonly expiresAt?: number | undefined
  /** Milliseconds; what the early refresh is measured against. */
  readonly lifetimeMs?: number | undefined
}

/** What one successful token response left us with (RFC 6749 §5.1), in our words. */
export interface TokenSet extends IssuedToken {
  /** Absent: the server issued none, and the grant ends with its access token. */
  readonly refreshToken?: string | undefined
  readonly idToken?: string | undefined
  /** What each refresh repeats of the sign-in, by its name on the wire; as secret as the refresh token. Absent: nothing. */
  readonly refreshParameters?: Readonly<Record<string, string>> | undefined
}

/**
 * Smooths what servers write differently but mean alike, before a strict reader throws the answer, and with it the only copy
 * of a fresh refresh token, away: empty and `null` members count as absent, a missing `token_type` as `Bearer`, a lifetime
 * that makes no sense as not given. An ID Token that nobody will validate is not even looked at.
 */
export function normaliseTokenResponse(
  body: Readonly<Record<string, unknown>>,
  { defaultExpiresIn, idToken }: Partial<Pick<Provider, 'defaultExpiresIn' | 'idToken'>> = {},
): Record<string, unknown> {
  const members = Object.entries(body).filter(([, value]) => value !== null && value !== '')
  const answer: Record<string, unknown> = { token_type: 'Bearer', ...Object.fromEntries(members) }
  for (const name of ['scope', 'refresh_token', 'id_token']) {
    if (typeof answer[name] !== 'string') delete answer[name]
  }
  if (idToken === 'ignore') delete answer['id_token']
  // The library knows it, and would let it through; sent as a Bearer token it is good for nothing (RFC 9449 §7.1).
  if (isDpop(answer['token_type'])) answer['token_type'] = 'unsupported'
  if (isLifetime(answer['expires_in'])) answer['expires_in'] = Number(answer['expires_in'])
  else delete answer['expires_in']
  if (answer['expires_in'] === undefined && defaultExpiresIn !== undefined) answer['expires_in'] = defaultExpiresIn
  // No header can carry it, and the error that says so quotes it.
  if (typeof answer['access_token'] === 'string' && !VISIBLE.test(answer['access_token'])) delete answer['access_token']
  return answer
}

/** RFC 6749 appendix A.12. */
const VISIBLE = /^[\x20-\x7e]+$/

function isDpop(tokenType: unknown): boolean {
  return typeof tokenType === 'string' && tokenType.toLowerCase() === 'dpop'
}

/** A hundred years. What lives longer has no end, and its end may be no time that a clock, or a store, can count to. */
const MAX_LIFETIME_SECONDS = 3_155_760_000

function isLifetime(value: unknown): boolean {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof seconds === 'number' && seconds >= 0 && seconds <= MAX_LIFETIME_SECONDS
}

/** @param askedAt epoch milliseconds; `expires_in` counts from the server's answer, so from before we asked errs on the safe side. */
export function toTokenSet(response: TokenEndpointResponse, askedAt: number): TokenSet {
  const lifetimeMs = response.expires_in === undefined ? undefined : response.expires_in * 1_000
  return {
    accessToken: response.access_token,
    tokenType: 'Bearer',
    refreshToken: response.refresh_token,
    idToken: response.id_token,
    scope: response.scope,
    expiresAt: lifetimeMs === undefined ? undefined : askedAt + lifetimeMs,
    lifetimeMs,
  }
}
