import { randomInt } from 'node:crypto'
import { boundedMap } from '../bounded-map.ts'
import { isStoreAway, reach, type Engine } from './engine.ts'
import type { EndReason, GrantState } from './grant.ts'
import type { CommitAnswer, CommitRequest } from './grant-store.ts'
import { SingleFlight } from './single-flight.ts'

/** An answer of the authorization server that is nowhere but here. */
export interface Held {
  /** What the grant will be once it is stored. */
  readonly state: GrantState
  readonly request: CommitRequest
  /** Monotonic milliseconds, from before the claim was asked for. */
  readonly since: number
  /** The end-user signed out here while the store was away: then it is neither handed out nor stored. */
  readonly endAs?: EndReason | undefined
  /** Goes on with what the store says in the end. */
  stored(answer: CommitAnswer): Promise<unknown>
  /** Ends the grant in place of storing the answer. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  end(why: EndReason): Promise<void>
  /** The store was away for too long. */
  lost(): void
}

const PAUSE_FROM_MS = 20
const PAUSE_TO_MS = 1_000

/** A store that is back with what it held, however late, still takes the answer if nobody else refreshed meanwhile. */
const KEEP_MS = 10 * 60_000

/** More than refreshes under way at a time; beyond it no refresh begins. */
const MAX_HELD = 10_000

/**
 * Refreshed tokens that could not be stored: the store went away between claim and commit, and the refresh token in hand is the only live
 * one. This process serves from it for two leases (after that others may hold newer tokens) and stores it as soon as it can.
 */
export class Journal {
  readonly #engine: Engine
  readonly #held = new Map<string, Held>()
  /** Grants that were ended here. */
  readonly #ended = boundedMap<EndReason>(MAX_HELD)
  readonly #storing = new SingleFlight<void>()
  #draining: Promise<void> | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get size(): number {
    return this.#held.size
  }

  get isFull(): boolean {
    return this.#held.size >= MAX_HELD
  }

  hold(id: string, held: Held): void {
    const other = this.#held.get(id)
    if (other !== undefined && other.state.generation > held.state.generation) {
      // It was stored, or nobody could have refreshed with it; only the store's word for it was lost.
      held.stored({ kind: 'newer', state: other.state }).catch(() => {}) // told as an event
      return
    }
    const endAs = other?.endAs ?? this.#ended.get(id)
    this.#held.set(id, endAs === undefined ? held : { ...held, endAs })
    this.#draining ??= this.#drain()
  }

  /** The newest state of a grant, if it is here alone and may still be served. */
  current(id: string): GrantState | undefined {
    const held = this.#held.get(id)
    if (held === undefined || held.endAs !== undefined) return undefined
    return this.#age(held) < 2 * this.#engine.settings.leaseMs ? held.state : undefined
  }

  /** The ID Token that came along is checked: the state may be handed out. @returns whether it is here. */
  markVerified(id: string, generation: number): boolean {
    const held = this.#held.get(id)
    if (held?.state.generation !== generation) return false
    const state = { ...held.state, verified: true }
    this.#held.set(id, { ...held, state, request: { ...held.request, verified: true } })
    return true
  }

  /** The grant ends. If the store cannot be told so now, it is told in place of what is held. */
  endWith(id: string, why: EndReason): void {
    const held = this.#held.get(id)
    if (held !== undefined) this.#held.set(id, { ...held, endAs: why })
  }

  /** The grant has ended: what a refresh under way brings later is not handed out either. */
  ended(id: string, why: EndReason): void {
    this.#ended.set(id, why)
    this.endWith(id, why)
  }

  /** Stores what is held of this grant: nobody may act on what the store says before. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  async flush(id: string): Promise<void> {
    if (this.#held.has(id)) await this.#storing.run(id, () => this.#store(id))
  }

  /** Resolves when all is stored, or is too old to be of use to anybody. */
  async drained(): Promise<void> {
    await this.#draining
  }

  /** One try at a time tells whether the store is back; then everything goes. */
  async #drain(): Promise<void> {
    const { runtime } = this.#engine
    for (let pauseMs = PAUSE_FROM_MS; this.#held.size > 0; pauseMs = Math.min(pauseMs * 2, PAUSE_TO_MS)) {
      await runtime.sleep(randomInt(pauseMs / 2, pauseMs))
      await this.#storeAll()
    }
    this.#draining = undefined
  }

  async #storeAll(): Promise<void> {
    for (const id of this.#held.keys()) {
      try {
        await this.flush(id)
      } catch {
        this.#putLast(id)
        return this.#dropOld()
      }
    }
  }

  /** Part of the store may be away (a shard of a Cluster): the next try is for another one. */
  #putLast(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    this.#held.set(id, held)
  }

  async #store(id: string): Promise<void> {
    const held = this.#held.get(id)
    if (held === undefined) return
    let answer: CommitAnswer
    try {
      if (held.endAs !== undefined) {
        await held.end(held.endAs)
        this.#held.delete(id)
        return
      }
      answer = await reach(this.#engine, this.#engine.store.commit(id, held.request))
    } catch (error) {
      if (isStoreAway(error)) throw error
      this.#forget(id, held) // the record cannot be read; there is nothing that this could succeed
      return held.lost()
    }
    this.#forget(id, held)
    await held.stored(answer).catch(() => {}) // told as an event
  }

  /** Unless something newer, or the end of the grant, has come in meanwhile. */
  #forget(id: string, { state, endAs }: Held): void {
    const held = this.#held.get(id)
    if (held?.state.generation === state.generation && held.endAs === endAs) this.#held.delete(id)
  }

  #dropOld(): void {
    for (const [id, held] of this.#held) {
      if (this.#age(held) < KEEP_MS) continue
      this.#held.delete(id)
      held.lost()
    }
  }

  #age({ since }: Held): number {
    return this.#engine.runtime.monotonic() - since
  }
}
