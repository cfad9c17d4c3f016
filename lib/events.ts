import type { AuthErrorCode } from './errors.ts'

/** How a refresh ended (RFC 6749 §6). */
export type RefreshResult =
  | 'ok' // new tokens were stored
  | 'adopted' // somebody else had stored newer tokens; ours were dropped
  | 'dead' // the grant ended: the end-user must sign in again
  | 'misconfigured' // the server refuses this client; the grant is kept
  | 'unavailable' // no usable answer; the grant is kept
  | 'ended' // the grant was ended (sign-out) while the answer was on its way

/**
 * What happened, for logs and metrics. Holds ids and outcomes; never a token, code, verifier or secret.
 * `grantId` names a record in the grant store; it is not the cookie.
 */
export type AuthEvent =
  | { type: 'sign-in'; provider: string; subject: string | undefined; grantId: string }
  | { type: 'sign-out'; provider: string; subject: string | undefined; grantId: string | undefined }
  | { type: 'refresh'; provider: string; grantId: string; result: RefreshResult; generation: number; inDoubt: boolean; durationMs: number; cause?: Error } // prettier-ignore
  | { type: 'grant-ended'; provider: string; grantId: string; why: string }
  | { type: 'revocation-failed'; provider: string; grantId: string; cause: Error }
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
