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
  /** Tries the server, and the others stay out. */
  #probe: Admission | undefined
  #nextPauseMs: number
  /** How often failures were forgotten. */
  #recoveries = 0

  constructor(monotonic: () => number, rule: BreakerRule = DEFAULT_RULE) {
    this.#monotonic = monotonic
    this.#rule = rule
    this.#nextPauseMs = rule.firstPauseMs
  }

  /** Milliseconds for which the server should be left alone; 0: it may be tried. */
  get pauseMs(): number {
    if (this.#failures === 0) return 0
    // A probe may take longer than the pause before it.
    return Math.max(this.#openUntil - this.#monotonic(), this.#probe === undefined ? 0 : this.#rule.firstPauseMs, 0)
  }

  /** Asks to use the server. @returns what is to be told how that went; `undefined`: it should be left alone, for `pauseMs`. */
  enter(): Admission | undefined {
    if (this.pauseMs > 0) return undefined
    const admission = new Admission(this, this.#recoveries)
    // Half open: whoever comes next tries it, and the others stay out until that is decided.
    if (this.#isOpen) this.#probe = admission
    return admission
  }

  // What admissions tell, and ask.

  isProbe(admission: Admission): boolean {
    return this.#probe === admission
  }

  /** @returns whether it was open until now. */
  answered(): boolean {
    if (this.#failures === 0) return false
    const wasOpen = this.#isOpen
    this.#recoveries += 1
    this.#failures = 0
    this.#openUntil = Number.NEGATIVE_INFINITY
    this.#probe = undefined
    this.#nextPauseMs = this.#rule.firstPauseMs
    return wasOpen
  }

  /** @returns whether this has opened it. */
  unanswered(admission: Admission, retryAfterMs: number): boolean {
    // Begun before failures were last forgotten.
    if (admission.afterRecoveries < this.#recoveries) return false
    const { failuresToOpen, maxPauseMs } = this.#rule
    const hasTried = this.isProbe(admission)
    this.#failures += 1
    const opens = this.#failures === failuresToOpen
    if (hasTried) this.#nextPauseMs = Math.min(this.#nextPauseMs * 2, maxPauseMs)
    // Requests that were under way when it opened may fail for a while; they say nothing new.
    if (hasTried || opens) {
      const pauseMs = Math.max(randomInt(this.#nextPauseMs / 2, this.#nextPauseMs), retryAfterMs)
      this.#openUntil = Math.max(this.#openUntil, this.#monotonic() + pauseMs)
    }
    this.unused(admission)
    return opens
  }

  unused(admission: Admission): void {
    if (this.isProbe(admission)) this.#probe = undefined
  }

  get #isOpen(): boolean {
    return this.#failures >= this.#rule.failuresToOpen
  }
}

/** A request that was let in. Of what it tells, the first counts; but that there was an answer counts whenever it comes. */
export class Admission {
  readonly afterRecoveries: number
  readonly #breaker: Breaker
  #hasTold = false

  constructor(breaker: Breaker, afterRecoveries: number) {
    this.#breaker = breaker
    this.afterRecoveries = afterRecoveries
  }

  /** It tries the server for all others. */
  get isProbe(): boolean {
    return this.#breaker.isProbe(this)
  }

  /** The server answers. @returns whether others were kept out until now. */
  succeeded(): boolean {
    this.#hasTold = true
    return this.#breaker.answered()
  }

  /**
   * @param retryAfterMs what the server asked for. A single answer may be about one grant, and pauses only that one.
   * @returns whether others are kept out from now on, and were not before.
   */
  failed(retryAfterMs = 0): boolean {
    return this.#tells() && this.#breaker.unanswered(this, retryAfterMs)
  }

  /** Nothing was sent after all: whoever comes next may try. */
  left(): void {
    if (this.#tells()) this.#breaker.unused(this)
  }

  #tells(): boolean {
    const isFirst = !this.#hasTold
    this.#hasTold = true
    return isFirst
  }
}
