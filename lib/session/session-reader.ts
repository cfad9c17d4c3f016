import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Store } from 'express-session'
import { RecordCache } from './record-cache.ts'
import { readSession } from './session-io.ts'
import { FreshRecord, type SessionRecord } from './session-record.ts'
import { announcing } from './store-changes.ts'
import { TouchSchedule } from './touch-schedule.ts'

/** `as-cached`: as old as the application allows. */
export type HowFresh = 'fresh' | 'as-cached'

/** Reads sessions as express-session does, and knows when that itself must run. */
export class SessionReader {
  /** For whatever changes sessions: so it is known here. */
  readonly store: Store
  readonly #source: Store
  readonly #cache: RecordCache
  readonly #touches: TouchSchedule
  #isReady = true

  /** @param cacheMs how old a session may be. */
  constructor(source: Store, cacheMs: number, monotonic: () => number) {
    this.#source = source
    this.#cache = new RecordCache(cacheMs, monotonic)
    this.#touches = new TouchSchedule(source, monotonic)
    source.on('disconnect', () => (this.#isReady = false))
    source.on('connect', () => (this.#isReady = true))
    this.store = announcing(source, {
      changing: (id) => this.#cache.changed(id),
      changed: (id, outcome) => {
        this.#cache.changed(id)
        if (outcome === 'gone' || outcome === 'left') this.#touches.forget(id)
        else if (outcome !== 'unknown') this.#touches.kept(id, outcome)
      },
      clearing: () => this.#cache.cleared(),
      cleared: () => {
        this.#cache.cleared()
        this.#touches.forgetAll()
      },
    })
  }

  /** A store may say that it has lost its server, and that it has it again. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  async read(id: string, howFresh: HowFresh): Promise<SessionRecord | undefined> {
    const cached = this.#cache.isOn && howFresh === 'as-cached' ? await this.#cached(id) : undefined
    if (cached !== undefined) return cached
    const reading = this.#cache.isOn ? this.#cache.begin() : undefined
    const data = await readSession(this.#source, id)
    if (data === undefined) return undefined
    if (reading !== undefined) this.#cache.put(id, data, reading)
    return new FreshRecord(data)
  }

  /**
   * Like those that come from a store: when the requests of a turn of the event loop have all been read. What answers them is written in a
   * row then, and those who read it on another core are woken once, not with each answer.
   */
  async #cached(id: string): Promise<SessionRecord | undefined> {
    if (this.#cache.get(id) === undefined) return undefined
    await endOfTurn()
    return this.#cache.get(id) // it may have been changed meanwhile
  }

  /** Is it to be touched, or damaged? Then express-session must see it. */
  mustRun(id: string, record: SessionRecord): boolean {
    return record.originalMaxAge === undefined || this.#touches.isDue(id, record.originalMaxAge)
  }
}
