import { reach, type Engine } from './engine.ts'
import { gone, storeAway } from './faults.ts'
import type { GrantEnding } from './grant-ending.ts'
import type { GrantState } from './grant.ts'
import type { Journal } from './journal.ts'
import { patiently } from './patience.ts'
import { SingleFlight } from './single-flight.ts'
import { StateCache } from './state-cache.ts'

/** The newest state of a grant that this process can know of, checked as far as it must be before anybody uses it. */
export class GrantReader {
  readonly #engine: Engine
  readonly #ending: GrantEnding
  readonly #journal: Journal
  readonly #cache: StateCache
  readonly #verifications = new SingleFlight<void>()

  constructor(engine: Engine, ending: GrantEnding, journal: Journal) {
    this.#engine = engine
    this.#ending = ending
    this.#journal = journal
    this.#cache = new StateCache(engine.settings.cacheMs, () => engine.runtime.monotonic())
  }

  /**
   * @param leftMs how long the caller still waits, in milliseconds.
   * @param mayBeCached `false`: what is stored now, also where it was read a moment ago.
   * @throws {AuthError} `ERR_AUTH_REVOKED` or `ERR_AUTH_UNAVAILABLE`.
   */
  async state(id: string, leftMs: () => number, mayBeCached: boolean = true): Promise<GrantState> {
    const { runtime } = this.#engine
    // The end-user has signed out, and the store could not be told yet.
    if (this.#ending.pending(id) !== undefined) throw storeAway(undefined)
    const held = this.#journal.current(id)
    if (held !== undefined) return patiently(this.checked(id, held), leftMs(), runtime)
    const known = mayBeCached ? this.#cache.get(id) : undefined
    if (known !== undefined) return known
    const askedAt = runtime.monotonic()
    const state = await this.#read(id, leftMs())
    if (!state.verified) await patiently(this.checked(id, state), leftMs(), runtime)
    return this.remember(id, state, askedAt)
  }

  /** Lets a state be used once the ID Token that came with it is verified. @throws {AuthError} as `state`. */
  async checked(id: string, state: GrantState): Promise<GrantState> {
    if (!state.verified) await this.#verify(id, state)
    return state
  }

  /** @param askedAt monotonic, from before the store was asked. */
  remember(id: string, state: GrantState, askedAt: number): GrantState {
    this.#cache.set(id, state, askedAt)
    return state
  }

  /** The grant has ended here. */
  forget(id: string): void {
    this.#cache.end(id)
  }

  async settled(): Promise<void> {
    await this.#verifications.settled()
  }

  async #read(id: string, leftMs: number): Promise<GrantState> {
    // What is held here is newer than what is stored.
    await this.#journal.flush(id)
    const found = await reach(this.#engine, this.#engine.store.read(id), leftMs)
    if (found.kind === 'gone') throw gone(found.why)
    return found.state
  }

  /** An ID Token that came with a refresh is stored first; this lets it, and the tokens beside it, be handed out. */
  #verify(id: string, state: GrantState): Promise<void> {
    const { store, serverOf } = this.#engine
    return this.#verifications.run(`${id} ${state.generation}`, async () => {
      const signed = await serverOf(state.provider).isSigned(state.tokens.idToken ?? '')
      if (!signed) {
        await this.#ending.endUntrusted(id, state, state.tokens)
        throw gone('untrusted')
      }
      if (!this.#journal.markVerified(id, state.generation)) {
        await reach(this.#engine, store.markVerified(id, state.generation))
      }
    })
  }
}
