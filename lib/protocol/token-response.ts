import type { TokenEndpointResponse } from 'openid-client'

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
}

/**
 * Smooths what servers write differently but mean alike, before a strict reader throws the answer, and with it the only copy
 * of a fresh refresh token, away: empty and `null` members count as absent, a missing `token_type` as `Bearer`, a lifetime
 * that makes no sense as not given.
 */
export function normaliseTokenResponse(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const members = Object.entries(body).filter(([, value]) => value !== null && value !== '')
  const answer: Record<string, unknown> = { token_type: 'Bearer', ...Object.fromEntries(members) }
  if (typeof answer['scope'] !== 'string') delete answer['scope']
  if (!isLifetime(answer['expires_in'])) delete answer['expires_in']
  // No header can carry it, and the error that says so quotes it.
  if (typeof answer['access_token'] === 'string' && !VISIBLE.test(answer['access_token'])) delete answer['access_token']
  return answer
}

/** RFC 6749 appendix A.12. */
const VISIBLE = /^[\x20-\x7e]+$/

function isLifetime(value: unknown): boolean {
  const seconds = typeof value === 'string' ? Number(value) : value
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0
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
