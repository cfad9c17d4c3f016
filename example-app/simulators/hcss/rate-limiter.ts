import type { RateLimit } from './state.ts'

const MINUTE_MS = 60_000

/** So many calls within any minute, and so many at once. */
export class RateLimiter {
  readonly #now: () => number
  #admitted: number[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Admits a call, or says for how long not.
   *
   * @param inFlight how many others were being answered when it arrived.
   * @returns whole seconds; 0 when it is admitted.
   */
  secondsToWait(limit: RateLimit | undefined, inFlight: number): number {
    if (limit === undefined) return 0
    if (inFlight >= limit.atOnce) return 1

    const now = this.#now()
    this.#admitted = this.#admitted.filter((at) => at + MINUTE_MS > now)
    if (this.#admitted.length >= limit.perMinute) {
      return Math.ceil(((this.#admitted[0] ?? now) + MINUTE_MS - now) / 1000)
    }
    this.#admitted.push(now)
    return 0
  }
}
