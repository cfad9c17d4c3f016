import type { AuthError } from '../../errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { AnswerSettings } from './answer-writer.ts'
import type { OnRefusal } from './refusal.ts'
import { Upload } from './request-body.ts'
import type { LiveAnswer } from '../live/live-answer.ts'
import type { UpgradeAnswer } from '../upgrade/upgrade-exchange.ts'

/** What goes to a target, whichever it is. */
export interface ForwardRequest {
  /** And query, below the target. */
  readonly path: string
  readonly method: string
  /** Flat: name, value, name, value. */
  readonly headers: string[]
  readonly body: Buffer | Upload | null
  /** Protocols to go on in (RFC 9110 §7.8). */
  readonly upgrade?: string | undefined
}

export interface ForwardOptions extends AnswerSettings {
  /** `undefined`: whatever comes is the answer. */
  readonly onRefusal: OnRefusal | undefined
  /** The target goes on in the protocol that `request.upgrade` offers. What it throws makes the answer a bad one. */
  readonly onUpgrade: ((answer: UpgradeAnswer) => void) | undefined
  /** Whose request it is. */
  readonly live: LiveAnswer
  readonly runtime: Runtime
  /** How long a client may take nothing while something waits for it. Milliseconds. */
  readonly idleTimeoutMs: number
  /** When the answer must have ended. Monotonic milliseconds; `undefined`: any time. */
  readonly deadline: number | undefined
}

/**
 * `answered`: all that there was to answer, or as much as was wanted of it. `cut`: less. `again`: nothing was written; the request is to be sent
 * again.
 */
export type SentOutcome =
  { readonly kind: 'answered' } | { readonly kind: 'cut'; readonly error: AuthError } | { readonly kind: 'again' }

/** `unsent`: no connection came about, so not a byte was sent. */
export type ForwardOutcome = SentOutcome | { readonly kind: 'unsent'; readonly error: AuthError }

export const ANSWERED: SentOutcome = { kind: 'answered' }

/** The body, where it is read while it is sent. */
export function uploadOf({ body }: ForwardRequest): Upload | undefined {
  return body instanceof Upload ? body : undefined
}
