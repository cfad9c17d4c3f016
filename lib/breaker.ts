import { randomInt } from 'node:crypto'

export interface BreakerRule {
  /** Failures in a row until the server is left alone. */
  readonly failuresToOpen: number
  /** Grows with every probe that fails, up to `maxPauseMs`. Milliseconds. */
  readonly firstPauseMs: number
  readonly maxPauseMs: number
}

const DEFAULT_RULE: BreakerRule = { failuresToOpen: 5, firstPauseMs: 1_000, maxPauseMs: 30_000 }

/**
 * Circuit breaker of one server, in one process: while it keeps failing, requests are answered at once instead of each waiting
 * for it. After a pause one request tries it; the others follow when that has succeeded.
 *
 * cockatiel and opossum read the wall clock themselves; this one runs on ours, so that its every state can be tested.
 */
export class Breaker {
  readonly #monotonic: () => number
  readonly #rule: BreakerRule
  #failures = 0
  #openUntil = Number.NEGATIVE_INFINITY
  #isProbing = false
  #nextPauseMs: number

  constructor(monotonic: () => number, rule: BreakerRule = DEFAULT_RULE) {
    this.#monotonic = monotonic
    this.#rule = rule
    this.#nextPauseMs = rule.firstPauseMs
  }

  /** Milliseconds for which the server should be left alone; 0: it may be tried. */
  get pauseMs(): number {
    if (this.#failures === 0) return 0
    // A probe may take longer than the pause before it.
    return Math.max(this.#openUntil - this.#monotonic(), this.#isProbing ? this.#rule.firstPauseMs : 0, 0)
  }

  /** One request tries it, and the others stay out. Right after `enter` has let one in: it is that one. */
  get isProbing(): boolean {
    return this.#isProbing
  }

  /** Asks to use the server. @returns `pauseMs`; 0 must be followed by `succeeded`, `failed` or `left`. */
  enter(): number {
    const { pauseMs } = this
    if (pauseMs > 0) return pauseMs
    if (this.#failures >= this.#rule.failuresToOpen) {
      // Half open: whoever comes next tries it, and the others stay out until that is decided.
      this.#isProbing = true
    }
    return 0
  }

  /**
   * Nothing was sent after all: whoever comes next may try.
   *
   * @param isProbe is it the one that tries the server? One that was let in before leaves nothing open.
   */
  left(isProbe = true): void {
    if (isProbe) this.#isProbing = false
  }

  succeeded(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#openUntil = Number.NEGATIVE_INFINITY
    this.#isProbing = false
    this.#nextPauseMs = this.#rule.firstPauseMs
  }

  /**
   * @param retryAfterMs what the server asked for. A single answer may be about one grant, and pauses only that one.
   * @param isProbe as above.
   */
  failed(retryAfterMs = 0, isProbe = true): void {
    const { failuresToOpen, maxPauseMs } = this.#rule
    const hasTried = isProbe && this.#isProbing
    this.#failures += 1
    if (hasTried) this.#nextPauseMs = Math.min(this.#nextPauseMs * 2, maxPauseMs)
    // Requests that were under way when it opened may fail for a while; they say nothing new.
    if (hasTried || this.#failures === failuresToOpen) {
      const pauseMs = Math.max(randomInt(this.#nextPauseMs / 2, this.#nextPauseMs), retryAfterMs)
      this.#openUntil = Math.max(this.#openUntil, this.#monotonic() + pauseMs)
    }
    if (hasTried) this.#isProbing = false
  }
}
