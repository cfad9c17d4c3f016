import { randomInt } from 'node:crypto'

const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

/**
 * Circuit breaker of one token endpoint, in one process: while it keeps failing, requests are answered at once instead of each waiting
 * for it. After a pause one refresh tries it; the others follow when that has succeeded.
 *
 * cockatiel and opossum read the wall clock themselves; this one runs on ours, so that its every state can be tested.
 */
export class Breaker {
  readonly #monotonic: () => number
  #failures = 0
  #openUntil = Number.NEGATIVE_INFINITY
  #isProbing = false
  #nextPauseMs = FIRST_PAUSE_MS

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** Milliseconds for which the endpoint should be left alone; 0: it may be tried. */
  get pauseMs(): number {
    // A probe may take longer than the pause before it.
    return Math.max(this.#openUntil - this.#monotonic(), this.#isProbing ? FIRST_PAUSE_MS : 0)
  }

  /** Asks to use the endpoint. @returns `pauseMs`; 0 must be followed by `succeeded`, `failed` or `left`. */
  enter(): number {
    const { pauseMs } = this
    if (pauseMs > 0) return pauseMs
    if (this.#failures >= FAILURES_TO_OPEN) {
      // Half open: whoever comes next tries it, and the others stay out until that is decided.
      this.#isProbing = true
    }
    return 0
  }

  /** Nothing was sent after all: whoever comes next may try. */
  left(): void {
    this.#isProbing = false
  }

  succeeded(): void {
    this.#failures = 0
    this.#openUntil = Number.NEGATIVE_INFINITY
    this.#isProbing = false
    this.#nextPauseMs = FIRST_PAUSE_MS
  }

  /** @param retryAfterMs what the server asked for. A single answer may be about one grant, and pauses only that one. */
  failed(retryAfterMs = 0): void {
    this.#failures += 1
    if (this.#isProbing) this.#nextPauseMs = Math.min(this.#nextPauseMs * 2, MAX_PAUSE_MS)
    // Requests that were under way when it opened may fail for a while; they say nothing new.
    if (this.#isProbing || this.#failures === FAILURES_TO_OPEN) {
      const pauseMs = Math.max(randomInt(this.#nextPauseMs / 2, this.#nextPauseMs), retryAfterMs)
      this.#openUntil = Math.max(this.#openUntil, this.#monotonic() + pauseMs)
    }
    this.#isProbing = false
  }
}
