import type { Runtime } from '../../runtime.ts'

/** How long a client may send nothing of a body that is waited for. Milliseconds. */
export interface Patience {
  readonly idleTimeoutMs: number
  readonly runtime: Runtime
}

/** Waits for a client that sends its body, and tells when nothing comes. */
export class ClientSending {
  readonly #patience: Patience
  readonly #onStalled: () => void
  /** Monotonic milliseconds; `undefined`: it is not waited for. */
  #waitsSince: number | undefined
  #stopTimer: (() => void) | undefined
  #isDone = false

  constructor(patience: Patience, onStalled: () => void) {
    this.#patience = patience
    this.#onStalled = onStalled
  }

  /** From now on, and again from now on where it was waited for already. */
  waitFor(): void {
    if (this.#isDone) return
    const { idleTimeoutMs, runtime } = this.#patience
    this.#waitsSince = runtime.monotonic()
    this.#stopTimer ??= runtime.after(idleTimeoutMs, this.#onTime)
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

  /** One timer for many parts: it only looks since when nothing has come. */
  readonly #onTime = (): void => {
    this.#stopTimer = undefined
    const since = this.#waitsSince
    if (since === undefined) return
    const { idleTimeoutMs, runtime } = this.#patience
    const restMs = since + idleTimeoutMs - runtime.monotonic()
    if (restMs > 0) this.#stopTimer = runtime.after(restMs, this.#onTime)
    // Where the process stood still, more may be there, and be read before this is called.
    else setImmediate(() => this.#waitsSince === since && this.#onStalled())
  }
}
