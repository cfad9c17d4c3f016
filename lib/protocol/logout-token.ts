import { decodeJwt, decodeProtectedHeader, type ProtectedHeaderParameters } from 'jose'
import * as z from 'zod'
import type { LogoutTokenFlaw } from '../events.ts'

/** A logout token that was validated: which sign-ins have ended at the server (OpenID Connect Back-Channel Logout 1.0 §2.4). */
export interface LogoutToken {
  readonly issuer: string
  readonly clientId: string
  readonly jti: string
  /** One session of the end-user at the server; comes before `subject`. One of the two is always there. */
  readonly sid: string | undefined
  /** The end-user: all their sessions, if there is no `sid`. */
  readonly subject: string | undefined
  /** By the server's clock, whole seconds since the epoch. */
  readonly issuedAt: number
  /** Epoch milliseconds: from then on it is refused for its age. */
  readonly acceptedUntil: number
}

export type LogoutTokenVerdict = { kind: 'good'; token: LogoutToken } | { kind: 'refused'; flaw: LogoutTokenFlaw }

/** What this client knows without the server. */
export interface LogoutTokenClient {
  readonly clientId: string
  /** Is `typ` allowed to be absent, or `JWT`? */
  readonly acceptUntyped: boolean
  readonly toleranceSeconds: number
}

export interface LogoutTokenExpectation extends LogoutTokenClient {
  readonly issuer: string
  /** As for ID Tokens. */
  readonly algorithms: readonly string[]
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** What the specification recommends as a lifetime (§2.4). Seconds. */
const MAX_AGE_SECONDS = 120

const object = z.record(z.string(), z.unknown())

const claimsSchema = z.object({
  iss: z.unknown().optional(),
  aud: z.unknown().optional(),
  iat: z.number(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
  jti: z.unknown().optional(),
  events: z.unknown().optional(),
  nonce: z.unknown().optional(),
  sub: z.string().min(1).optional(),
  sid: z.string().min(1).optional(),
})

/**
 * Validates all but the signature (§2.6), which takes keys: what is wrong anyway costs the server no request for them.
 *
 * @param now epoch milliseconds.
 */
export function judgeLogoutToken(text: string, expected: LogoutTokenExpectation, now: number): LogoutTokenVerdict {
  const parsed = parse(text)
  if (parsed === undefined) return { kind: 'refused', flaw: 'malformed' }

  const { header, claims } = parsed
  const flaw = flawOf(header, claims, expected, now / 1_000)
  if (flaw !== undefined) return { kind: 'refused', flaw }

  const { issuer, clientId, toleranceSeconds } = expected
  const { sid, sub, iat, exp = Number.POSITIVE_INFINITY } = claims
  const acceptedUntil = (Math.min(iat + MAX_AGE_SECONDS, exp) + toleranceSeconds) * 1_000
  const token = { issuer, clientId, jti: claims.jti as string, sid, subject: sub, issuedAt: iat, acceptedUntil }
  return { kind: 'good', token }
}

/**
 * What is wrong with it whatever the server says of itself: that costs the server no request for its metadata either.
 *
 * @param now epoch milliseconds.
 */
export function logoutTokenFlaw(text: string, expected: LogoutTokenClient, now: number): LogoutTokenFlaw | undefined {
  const parsed = parse(text)
  return parsed === undefined ? 'malformed' : flawOf(parsed.header, parsed.claims, expected, now / 1_000)
}

type Claims = z.output<typeof claimsSchema>

function parse(text: string): { header: ProtectedHeaderParameters; claims: Claims } | undefined {
  try {
    return { header: decodeProtectedHeader(text), claims: claimsSchema.parse(decodeJwt(text)) }
  } catch {
    return undefined
  }
}

function flawOf(
  header: ProtectedHeaderParameters,
  { iss, aud, iat, exp, nbf, jti, events, nonce, sub, sid }: Claims,
  {
    issuer,
    clientId,
    algorithms,
    acceptUntyped,
    toleranceSeconds,
  }: LogoutTokenClient & Partial<LogoutTokenExpectation>,
  nowSeconds: number,
): LogoutTokenFlaw | undefined {
  // First, since it tells a logout token from every other JWT of this server (RFC 8725 §3.11).
  if (!isLogoutType(header.typ, acceptUntyped)) return 'typ'
  if (algorithms?.includes(header.alg ?? '') === false) return 'alg'
  if (issuer !== undefined && iss !== issuer) return 'iss'
  if (Array.isArray(aud) ? !aud.includes(clientId) : aud !== clientId) return 'aud'
  if (iat > nowSeconds + toleranceSeconds || iat < nowSeconds - MAX_AGE_SECONDS - toleranceSeconds) return 'iat'
  if (exp !== undefined && exp <= nowSeconds - toleranceSeconds) return 'exp'
  if (nbf !== undefined && nbf > nowSeconds + toleranceSeconds) return 'nbf'
  if (!isLogoutEvent(events)) return 'events'
  // Forbidden, so that no logout token passes for an ID Token (§2.4).
  if (nonce !== undefined) return 'nonce'
  if (typeof jti !== 'string' || jti === '') return 'jti'
  if (sub === undefined && sid === undefined) return 'sid-or-sub'
  return undefined
}

function isLogoutType(typ: unknown, acceptUntyped: boolean): boolean {
  if (typ === undefined) return acceptUntyped
  if (typeof typ !== 'string') return false
  // A media type, whose prefix may be left out (RFC 7515 §4.1.9).
  const type = typ.toLowerCase().replace(/^application\//, '')
  return type === 'logout+jwt' || (acceptUntyped && type === 'jwt')
}

function isLogoutEvent(events: unknown): boolean {
  const members = object.safeParse(events).data
  return members !== undefined && Object.hasOwn(members, EVENT) && object.safeParse(members[EVENT]).success
}

/** Was the sign-in that brought this ID Token one at the same server, by the same client? Stores and their indexes may be shared. */
export function isOfSameClient(idToken: string | undefined, { issuer, clientId }: LogoutToken): boolean {
  const claims = claimsOf(idToken)
  if (claims === undefined) return true
  const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  return claims.iss === issuer && audience.includes(clientId)
}

/** By the server's clock, whole seconds since the epoch, as in the logout token. */
export function issuedAt(idToken: string | undefined): number | undefined {
  return claimsOf(idToken)?.iat
}

function claimsOf(idToken: string | undefined): ReturnType<typeof decodeJwt> | undefined {
  try {
    return idToken === undefined ? undefined : decodeJwt(idToken)
  } catch {
    return undefined
  }
}
