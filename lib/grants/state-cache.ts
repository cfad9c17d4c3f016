import { boundedMap } from '../bounded-map.ts'
import type { GrantState } from './grant.ts'

const MAX_STATES = 10_000

/** States that were checked, for a moment: a sign-out in another process is noticed within that time. */
export class StateCache {
  readonly #maxAgeMs: number
  readonly #monotonic: () => number
  readonly #states = boundedMap<{ state: GrantState; at: number } | 'ended'>(MAX_STATES)

  /** @param maxAgeMs milliseconds; 0: nothing is remembered. */
  constructor(maxAgeMs: number, monotonic: () => number) {
    this.#maxAgeMs = maxAgeMs
    this.#monotonic = monotonic
  }

  get(id: string): GrantState | undefined {
    if (this.#maxAgeMs === 0) return undefined
    const known = this.#states.get(id)
    if (known === undefined || known === 'ended') return undefined
    return this.#monotonic() - known.at < this.#maxAgeMs ? known.state : undefined
  }

  /**
   * A slow reader may come with an older state; what was handed out once is never taken back.
   *
   * @param at monotonic, from before the store was asked: its answer may have been long on its way.
   */
  set(id: string, state: GrantState, at: number): void {
    if (this.#maxAgeMs === 0) return
    const known = this.#states.get(id)
    if (known === 'ended') return
    if (known !== undefined && known.state.generation > state.generation) return
    this.#states.set(id, { state, at })
  }

  /** Nor does a reader that began before bring back what has ended here. */
  end(id: string): void {
    if (this.#maxAgeMs > 0) this.#states.set(id, 'ended')
  }
}
