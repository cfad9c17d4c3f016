import { randomInt } from 'node:crypto'
import { isStoreAway } from './engine.ts'
import type { EndReason } from './grant.ts'
import type { Runtime } from '../runtime.ts'

interface PendingEnding {
  readonly why: EndReason
  /** Monotonic milliseconds. */
  readonly since: number
  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the store is still away. */
  readonly attempt: () => Promise<unknown>
}

const PAUSE_FROM_MS = 20
const PAUSE_TO_MS = 1_000

/** A store that stays away for longer has more to lose than this. */
const KEEP_MS = 24 * 60 * 60_000

/** Far more than end-users who sign out while a store fails over. */
const MAX_PENDING = 1_000

/** Grants that ended here while the store was away. It is told as soon as it is back: whoever signed out was told so, and is gone. */
export class PendingEndings {
  readonly #runtime: Runtime
  readonly #pending = new Map<string, PendingEnding>()
  #draining: Promise<void> | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get size(): number {
    return this.#pending.size
  }

  /** Of several reasons for one grant the first one counts. */
  add(id: string, why: EndReason, attempt: () => Promise<unknown>): void {
    if (this.#pending.size >= MAX_PENDING || this.#pending.has(id)) return
    this.#pending.set(id, { why, since: this.#runtime.monotonic(), attempt })
    this.#draining ??= this.#drain()
  }

  /** Why a grant is to end of which the store does not know yet. */
  why(id: string): EndReason | undefined {
    return this.#pending.get(id)?.why
  }

  /** Resolves when the store knows all of them. */
  async drained(): Promise<void> {
    await this.#draining
  }

  /** One try at a time tells whether the store is back; then everything goes. */
  async #drain(): Promise<void> {
    for (let pauseMs = PAUSE_FROM_MS; this.#pending.size > 0; pauseMs = Math.min(pauseMs * 2, PAUSE_TO_MS)) {
      await this.#runtime.sleep(randomInt(pauseMs / 2, pauseMs))
      await this.#attemptAll()
    }
    this.#draining = undefined
  }

  async #attemptAll(): Promise<void> {
    for (const [id, ending] of this.#pending) {
      try {
        await ending.attempt()
      } catch (error) {
        if (isStoreAway(error) && this.#runtime.monotonic() - ending.since < KEEP_MS) return this.#putLast(id, ending)
        // Else the record cannot be read, and has ended nonetheless.
      }
      this.#pending.delete(id)
    }
  }

  /** Part of the store may be away (a shard of a Cluster): the next try is for another one. */
  #putLast(id: string, ending: PendingEnding): void {
    this.#pending.delete(id)
    this.#pending.set(id, ending)
  }
}
