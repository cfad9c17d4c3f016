import type { AuthErrorCode } from './errors.ts'

/** How a refresh ended (RFC 6749 §6). */
export type RefreshResult =
  | 'ok' // new tokens were stored
  | 'adopted' // somebody else had stored newer tokens; ours were dropped
  | 'dead' // the grant ended: the end-user must sign in again
  | 'misconfigured' // the server refuses this client; the grant is kept
  | 'unavailable' // no usable answer; the grant is kept
  | 'held' // the store is away: this process alone has the new tokens, and stores them when it can; one more event follows
  | 'lost' // they could not be stored in time; the end-user will have to sign in again
  | 'ended' // the grant was ended (sign-out) while the answer was on its way

/** What is wrong with a logout token that was refused. */
export type LogoutTokenFlaw =
  | 'malformed' // no JWT, or a claim is not of its type
  | 'typ'
  | 'alg'
  | 'signature'
  | 'iss'
  | 'aud'
  | 'iat' // too old, or from the future
  | 'exp'
  | 'nbf'
  | 'events'
  | 'nonce'
  | 'jti'
  | 'sid-or-sub' // it says neither
  | 'replayed'
  | 'mismatch' // the session it names is another end-user's

/**
 * What happened, for logs and metrics. Holds ids and outcomes; never a token, code, verifier or secret.
 * `grantId` names a record in the grant store; it is not the cookie.
 */
export type AuthEvent =
  | { type: 'sign-in'; provider: string; subject: string | undefined; grantId: string }
  /** An account was added to those of who is signed in. */
  | { type: 'connect'; provider: string; subject: string | undefined; grantId: string }
  | { type: 'disconnect'; provider: string; subject: string | undefined; grantId: string }
  | { type: 'sign-out'; provider: string; subject: string | undefined; grantId: string | undefined }
  | { type: 'refresh'; provider: string; grantId: string; result: RefreshResult; generation: number; inDoubt: boolean; durationMs: number; cause?: Error } // prettier-ignore
  /** Somebody, not necessarily the authorization server, sent a logout token that is not valid. */
  | { type: 'logout-token-refused'; provider: string; flaw: LogoutTokenFlaw }
  | { type: 'grant-ended'; provider: string; grantId: string; why: string }
  | { type: 'revocation-failed'; provider: string; grantId: string; cause: Error }
  /** A target of a proxy, by its URL, is left alone: no connection to it comes about. Each proxy tells for itself. */
  | { type: 'target-down'; target: string; cause: Error }
  /** A request has reached it again. */
  | { type: 'target-up'; target: string }
  | { type: 'error'; code: AuthErrorCode; route: string; error: Error }

export type EventListener = (event: AuthEvent) => void

/** Telling must never change what is told: a listener that throws is a bug in the listener alone. */
export function quietly(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      listener?.(event)
    } catch {
      // nothing of ours depends on it
    }
  }
}
