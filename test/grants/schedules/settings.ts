import type { EngineSettings } from '../../../lib/grants/engine.ts'

/** Time passes in these. Everything an engine sleeps for is over at one of them. Milliseconds. */
export const TICK = 1_000

/** In ticks: the lease, and the deadline of one token request. */
export const L = 4
export const D = 1

export const SETTINGS: EngineSettings = {
  leaseMs: L * TICK,
  deadlineMs: D * TICK,
  waitMs: 3 * TICK,
  storeTimeoutMs: TICK,
  softWindowMs: 60 * TICK,
  leewayMs: 0,
  cacheMs: 0,
}

/**
 * How a server treats a refresh token that is presented again: it revokes the family; it refuses, nothing more; it accepts for a while,
 * then revokes; its tokens are not spent at all.
 */
export type Reuse = 'revokes' | 'refuses' | 'grace' | 'reusable'

/** Where an access token of its own is asked for. */
export const RESOURCE = 'https://api.example.com/'

/** How long `grace` accepts a spent token, in ticks. */
export const GRACE = L + 1

/** The three bounds of the promise in ticks, exactly as in the model's README. */
export interface Bounds {
  /** P1 holds for requests that the server decides less than so long after the sender's clock check. */
  readonly send: number
  /** P2 holds if every answer is stored less than so long after its claim was asked for. */
  readonly late: number
  /** The same for the loss of a grant. */
  readonly gone: number
}

export function boundsFor(reuse: Reuse): Bounds {
  const isStrict = reuse === 'revokes' || reuse === 'refuses'
  return {
    send: isStrict ? L + D : D,
    late: isStrict ? 2 * L : L,
    gone: reuse === 'refuses' ? 3 * L : isStrict ? 2 * L : L,
  }
}
