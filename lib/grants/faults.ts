import { AuthError } from '../errors.ts'
import type { EndReason } from './grant.ts'

/** A passing fault: the grant stays as it is. */
export function unavailable(message: string, retryAfterMs: number, cause?: unknown): AuthError {
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000))
  return new AuthError('ERR_AUTH_UNAVAILABLE', message, { cause, retryAfterSeconds })
}

export function storeAway(cause: unknown): AuthError {
  return unavailable('the grant store cannot be reached', 1_000, cause)
}

const GONE: Readonly<Record<EndReason, string>> = {
  'signed-out': 'the end-user has signed out',
  replaced: 'a newer sign-in took its place',
  abandoned: 'the sign-in failed; sign in again',
  refused: 'the authorization server does not accept the refresh token any more; sign in again',
  untrusted: 'the authorization server answered for somebody else; sign in again',
}

export function gone(why: EndReason | undefined, cause?: unknown): AuthError {
  const message = why === undefined ? 'the grant is not there any more; sign in again' : GONE[why]
  return new AuthError('ERR_AUTH_REVOKED', message, { cause })
}
