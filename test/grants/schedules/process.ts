import type { EngineSettings } from '../../../lib/grants/engine.ts'
import { GrantKeeper } from '../../../lib/grants/grant-keeper.ts'
import type { ClaimAnswer } from '../../../lib/grants/grant-store.ts'
import type { Runtime } from '../../../lib/runtime.ts'
import { Telemetry } from '../../../lib/telemetry.ts'
import type { Presentation } from './promise.ts'
import { linkStore, type SharedStore } from './shared-store.ts'
import type { ModelServer } from './model-server.ts'
import type { Actor, Steps } from './steps.ts'

interface ClaimInHand {
  readonly generation: number
  readonly inDoubt: boolean
  readonly askedAt: number
}

export interface Surroundings {
  readonly steps: Steps
  readonly store: SharedStore
  readonly server: ModelServer
  readonly settings: EngineSettings
  /** The time everywhere, epoch milliseconds. */
  readonly now: () => number
}

/** One process with the engine in it, which may be paused for any time and die at any step. */
export class Process implements Actor {
  readonly name: string
  #keeper: GrantKeeper | undefined
  /** What its monotonic clock counts from. Milliseconds. */
  readonly #origin: number
  readonly #around: Surroundings
  /** By claim id, when it was asked for. */
  readonly #asked = new Map<string, number>()
  readonly #claims: ClaimInHand[] = []
  isAlive = true
  isPaused = false
  isClosing = false

  constructor(name: string, origin: number, around: Surroundings) {
    this.name = name
    this.#origin = origin
    this.#around = around
  }

  /** Made when it is needed; many a process of a run never is. */
  get keeper(): GrantKeeper {
    if (this.#keeper !== undefined) return this.#keeper
    const { server, steps, store, settings, now } = this.#around
    const tokenServer = server.connect(this)
    this.#keeper = new GrantKeeper(
      linkStore(this, steps, store, now),
      () => tokenServer,
      settings,
      this.#runtime(),
      () => {},
      new Telemetry('schedules'),
    )
    return this.#keeper
  }

  get isAwake(): boolean {
    return this.isAlive && !this.isPaused
  }

  die(): void {
    this.isAlive = false
    this.#around.steps.withdrawAll(this)
  }

  asksFor(claimId: string): void {
    if (!this.#asked.has(claimId)) this.#asked.set(claimId, this.#around.now())
  }

  hasAnswer(claimId: string, answer: ClaimAnswer): void {
    if (answer.kind !== 'claimed') return
    const { inDoubt, state } = answer
    this.#claims.push({
      generation: state.generation,
      inDoubt,
      askedAt: this.#asked.get(claimId) ?? this.#around.now(),
    })
  }

  /** The refresh token of this generation is about to be presented, under the newest claim for it. */
  redeems(generation: number): Presentation {
    const at = this.#claims.findLastIndex((claim) => claim.generation === generation)
    const [claim] = at < 0 ? [] : this.#claims.splice(at, 1)
    const { inDoubt = false, askedAt = this.#around.now() } = claim ?? {}
    const checkedAt = this.#around.now()
    return { holder: this, generation, inDoubt, askedAt, checkedAt, wire: 'none', isReceived: false, isStoring: false }
  }

  #runtime(): Runtime {
    const { steps, now } = this.#around
    const after = (ms: number, callback: () => void): (() => void) => {
      const due = now() + ms
      const alarm = steps.offer([{ label: `${this.name} wakes`, kind: 'go', run: callback }], this, () => now() >= due)
      return () => steps.withdraw(alarm)
    }
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        const abort = (): void => {
          stop()
          reject(signal?.reason as Error)
        }
        const stop = after(ms, () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        })
        if (signal?.aborted === true) abort()
        else signal?.addEventListener('abort', abort, { once: true })
      })
    return {
      now,
      monotonic: () => now() - this.#origin,
      after,
      sleep,
      fetch: () => Promise.reject(new Error('there is no network here')),
    }
  }
}
