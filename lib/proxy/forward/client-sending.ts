import type { Runtime } from '../../runtime.ts'

/** How long a client may send nothing of a body that is waited for. Milliseconds. */
export interface Patience {
  readonly idleTimeoutMs: number
  readonly runtime: Runtime
}

/** Waits for a client that sends its body, and tells when nothing comes, or not all of it in time. */
export class ClientSending {
  readonly #patience: Patience
  readonly #onLate: () => void
  /** When all must be there. Monotonic milliseconds. */
  readonly #deadline: number
  /** Monotonic milliseconds; `undefined`: it is not waited for. */
  #waitsSince: number | undefined
  #stopTimer: (() => void) | undefined
  #isDone = false

  constructor(patience: Patience, onLate: () => void, deadline: number = Number.POSITIVE_INFINITY) {
    this.#patience = patience
    this.#onLate = onLate
    this.#deadline = deadline
  }

  /** From now on, and again from now on where it was waited for already. */
  waitFor(): void {
    if (this.#isDone) return
    this.#waitsSince = this.#patience.runtime.monotonic()
    this.#stopTimer ??= this.#look(this.#waitsSince)
  }

  /** Until it is waited for again, it need not send. */
  rest(): void {
    this.#waitsSince = undefined
  }

  done(): void {
    this.#isDone = true
    this.#stopTimer?.()
    this.#waitsSince = undefined
  }

  #look(since: number): () => void {
    return this.#patience.runtime.after(this.#leftMs(since), this.#onTime)
  }

  #leftMs(since: number): number {
    const { idleTimeoutMs, runtime } = this.#patience
    return Math.max(Math.min(since + idleTimeoutMs, this.#deadline) - runtime.monotonic(), 0)
  }

  /** Where the process stood still, more may have been there, and was read before this is called. */
  readonly #onDue = (): void => {
    const since = this.#waitsSince
    if (since !== undefined && this.#leftMs(since) === 0) this.#onLate()
  }

  /** One timer for many parts: it only looks since when nothing has come. */
  readonly #onTime = (): void => {
    this.#stopTimer = undefined
    const since = this.#waitsSince
    if (since === undefined) return
    if (this.#leftMs(since) > 0) this.#stopTimer = this.#look(since)
    else setImmediate(this.#onDue)
  }
}
