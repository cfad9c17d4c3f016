import type { EventListener } from '../events.ts'
import type { Runtime } from '../runtime.ts'
import type { Telemetry } from '../telemetry.ts'
import { AccessTokens, type AccessToken, type AccessTokenRequest } from './access-tokens.ts'
import { reach, type Engine, type EngineSettings } from './engine.ts'
import { GrantEnding, isRevoked } from './grant-ending.ts'
import { GrantReader } from './grant-reader.ts'
import { GrantRefresher } from './grant-refresher.ts'
import {
  newGrantId,
  type EndReason,
  type GrantOwner,
  type GrantSession,
  type GrantState,
  type GrantTokens,
} from './grant.ts'
import type { GrantQuery, GrantRecord, GrantStore } from './grant-store.ts'
import { Journal } from './journal.ts'
import type { TokenServer } from './token-server.ts'

/**
 * The door to what end-users granted: keeps access tokens fresh, over any store and with any number of processes. A refresh token is a
 * one-shot credential: it is claimed in the store before it is redeemed, what comes back is stored before anything that can fail, and
 * nobody's request owns a refresh.
 */
export class GrantKeeper {
  readonly #engine: Engine
  readonly #ending: GrantEnding
  readonly #journal: Journal
  readonly #reader: GrantReader
  readonly #refresher: GrantRefresher
  readonly #accessTokens: AccessTokens

  constructor(
    store: GrantStore,
    serverOf: (provider: string) => TokenServer,
    settings: EngineSettings,
    runtime: Runtime,
    tell: EventListener,
    telemetry: Telemetry,
  ) {
    const tellAll: EventListener = (event) => {
      if (event.type === 'grant-ended') this.#reader.forget(event.grantId)
      tell(event)
    }
    this.#engine = { store, serverOf, settings, runtime, tell: tellAll, telemetry }
    this.#ending = new GrantEnding(this.#engine)
    this.#journal = new Journal(this.#engine)
    this.#reader = new GrantReader(this.#engine, this.#ending, this.#journal)
    this.#refresher = new GrantRefresher({ ...this.#engine, ending: this.#ending, journal: this.#journal })
    this.#accessTokens = new AccessTokens(this.#engine, this.#reader, this.#refresher)
    telemetry.observe(() => ({ held: this.#journal.size, openBreakers: this.#refresher.openBreakers }))
  }

  /** Stores what a sign-in brought; if that fails, it is to be abandoned. @returns the id under which it lives. */
  async create(
    owner: GrantOwner,
    tokens: GrantTokens,
    session?: GrantSession,
    id: string = newGrantId(),
  ): Promise<string> {
    const creation = this.#engine.store.create(id, owner, tokens, session)
    try {
      await reach(this.#engine, creation)
    } catch (error) {
      this.#ending.abandon(id, creation) // stored after all, maybe later than whoever gives up now can see to it
      throw error
    }
    return id
  }

  /**
   * The sign-in failed after its tokens were issued: nobody will use them, and no job may find them.
   *
   * @param tokens to be revoked; `undefined` if another sign-in goes on that the server may hold to be the same grant.
   */
  abandon(id: string, owner: GrantOwner, tokens: GrantTokens | undefined): void {
    this.#ending.abandon(id)
    if (tokens !== undefined) void this.#ending.revoke(id, owner, tokens)
  }

  /**
   * A token that the resource server should accept now.
   *
   * @throws {AuthError} `ERR_AUTH_REVOKED` when the grant is over and the end-user must sign in again. `ERR_AUTH_UNAVAILABLE`
   * (with `retryAfterSeconds`), `ERR_AUTH_MISCONFIGURED`, and `ERR_AUTH_REQUIRED` for a refused token that cannot be replaced, leave it
   * as it was. `ERR_AUTH_OPTIONS` for a resource that is no URI, or that the end-user was not asked for.
   */
  async accessToken(id: string, request: AccessTokenRequest = {}): Promise<AccessToken> {
    return this.#accessTokens.get(id, request)
  }

  /** The stored tokens, checked. For reading; `accessToken` keeps them fresh. @throws {AuthError} as `accessToken`. */
  async state(id: string): Promise<GrantState> {
    return this.#reader.state(id, () => this.#engine.settings.waitMs)
  }

  /** Ends a grant here, then at the server (RFC 7009). @returns what it was, `undefined` if there was nothing to end. */
  async end(id: string, why: EndReason): Promise<GrantRecord | undefined> {
    const last = await this.bury(id, why)
    if (last !== undefined) await this.revoke(id, last, why)
    return last
  }

  /**
   * The first half of `end`: what needs no authorization server.
   *
   * @param afterwards called when a store that was away has been told.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE`: the store is away. No token of it is served here any more; both halves follow by
   * themselves when it is back.
   */
  async bury(id: string, why: EndReason, afterwards?: () => Promise<void>): Promise<GrantRecord | undefined> {
    this.#reader.forget(id)
    this.#journal.endWith(id, why)
    try {
      return await this.#ending.bury(id, why, afterwards)
    } finally {
      this.#journal.ended(id, why)
    }
  }

  /** The second half, best effort; nothing where another sign-in goes on that the server may hold to be the same grant. */
  async revoke(id: string, { state }: GrantRecord, why: EndReason): Promise<void> {
    if (isRevoked(why)) await this.#ending.revoke(id, state, state.tokens)
  }

  /** Ids of grants, in the order of the sign-ins; some may have ended. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
  async find(query: GrantQuery): Promise<readonly string[]> {
    return reach(this.#engine, this.#engine.store.find(query))
  }

  /** A grant as it is stored, with its session, for listing; `undefined` if it has ended. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
  async inspect(id: string): Promise<GrantRecord | undefined> {
    const found = await reach(this.#engine, this.#engine.store.inspect(id))
    return found.kind === 'live' ? found : undefined
  }

  /**
   * Did a sign-out end it, or the browser's next sign-in, or does it belong to another session by now? `false` also for what ended
   * otherwise, or is not known any more.
   *
   * @param sessionIds of the session that is asked about, the one before included if it is only just getting a new id.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE`.
   */
  async hasLeft(id: string, sessionIds: readonly string[]): Promise<boolean> {
    const found = await reach(this.#engine, this.#engine.store.inspect(id))
    if (found.kind === 'gone') return found.why === 'signed-out' || found.why === 'replaced'
    return found.session !== undefined && !sessionIds.includes(found.session.id)
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
  async bindSession(id: string, session: GrantSession): Promise<void> {
    await reach(this.#engine, this.#engine.store.bindSession(id, session))
  }

  /** Lets the whole cluster know a name for so many milliseconds. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
  async remember(name: string, forMs: number): Promise<void> {
    await reach(this.#engine, this.#engine.store.remember(name, forMs))
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
  async isRemembered(name: string): Promise<boolean> {
    return reach(this.#engine, this.#engine.store.isRemembered(name))
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` if the store cannot be used. */
  async check(): Promise<void> {
    await reach(this.#engine, this.#engine.store.check())
  }

  /** Two leases: a refresh that takes longer is of no use. */
  get patienceMs(): number {
    return 2 * this.#engine.settings.leaseMs
  }

  /** Waits until every refresh under way has stored what it got. @param maxMs after which it is given up. */
  async settle(maxMs: number): Promise<void> {
    const { runtime } = this.#engine
    const over = new AbortController()
    await Promise.race([this.#settled(), runtime.sleep(maxMs, over.signal).catch(() => {})])
    over.abort()
  }

  /** Lets no other refresh begin, and waits for those under way, as {@link settle}. */
  async close(maxMs: number): Promise<void> {
    this.#refresher.stop()
    await this.settle(maxMs)
    this.#engine.telemetry.close()
  }

  async #settled(): Promise<void> {
    await this.#accessTokens.settled()
    await this.#refresher.settled()
    await this.#journal.drained()
    await this.#reader.settled()
    await this.#ending.settled()
  }
}
