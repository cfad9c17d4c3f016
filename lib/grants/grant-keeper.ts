import { LRUCache } from 'lru-cache'
import { AuthError } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { AuthorizationServer } from '../protocol/authorization-server.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import type { Runtime } from '../runtime.ts'
import { gone, reachable } from './faults.ts'
import { freshness, type FreshnessRule } from './freshness.ts'
import { GrantEnding } from './grant-ending.ts'
import { GrantRefresher, type RefreshSettings } from './grant-refresher.ts'
import { newGrantId, type EndReason, type GrantOwner, type GrantState } from './grant.ts'
import type { GrantStore } from './grant-store.ts'
import { patiently } from './patience.ts'
import { SingleFlight } from './single-flight.ts'

export interface GrantKeeperSettings extends FreshnessRule, RefreshSettings {}

export interface AccessToken {
  readonly token: string
  readonly tokenType: string
  readonly scope: string | undefined
  /** Epoch milliseconds; `undefined` where the server did not say. */
  readonly expiresAt: number | undefined
  readonly generation: number
}

export interface AccessTokenRequest {
  /** The token that a resource server refused: anything but this one. */
  readonly refused?: string | undefined
  /** Stops this caller's waiting; never the refresh, which others wait for. */
  readonly signal?: AbortSignal | undefined
}

const REPLACEMENT_PAUSE_MS = 2_000

/**
 * Keeps access tokens fresh, over any store and with any number of processes. A refresh token is a one-shot credential: it is
 * claimed in the store before it is redeemed, what comes back is stored before anything that can fail, and nobody's request owns
 * a refresh.
 */
export class GrantKeeper {
  readonly #store: GrantStore
  readonly #serverOf: (provider: string) => AuthorizationServer
  readonly #settings: GrantKeeperSettings
  readonly #runtime: Runtime
  readonly #ending: GrantEnding
  readonly #refresher: GrantRefresher
  readonly #refreshes = new SingleFlight<GrantState>()
  readonly #verifications = new SingleFlight<void>()
  /** Generation by grant, of tokens that replaced a refused one. */
  readonly #replacements = new LRUCache<string, number>({ max: 10_000 })

  constructor(
    store: GrantStore,
    serverOf: (provider: string) => AuthorizationServer,
    settings: GrantKeeperSettings,
    runtime: Runtime,
    tell: EventListener,
  ) {
    this.#store = store
    this.#serverOf = serverOf
    this.#settings = settings
    this.#runtime = runtime
    this.#ending = new GrantEnding(store, serverOf, runtime, tell)
    this.#refresher = new GrantRefresher(store, serverOf, this.#ending, settings, runtime, tell)
  }

  /** Stores what a sign-in brought. @returns the id under which it lives. */
  async create(owner: GrantOwner, tokens: TokenSet): Promise<string> {
    const id = newGrantId()
    await reachable(this.#store.create(id, owner, tokens))
    return id
  }

  /**
   * A token that the resource server should accept now.
   *
   * @throws {AuthError} `ERR_AUTH_REVOKED` when the grant is over and the end-user must sign in again. `ERR_AUTH_UNAVAILABLE`
   * (with `retryAfterSeconds`), `ERR_AUTH_MISCONFIGURED`, and `ERR_AUTH_REQUIRED` for a refused token that cannot be replaced, leave it
   * as it was.
   */
  async accessToken(id: string, request: AccessTokenRequest = {}): Promise<AccessToken> {
    const state = await this.state(id)
    const isRefused = request.refused === state.tokens.accessToken
    const age = isRefused ? 'expired' : freshness(id, state, this.#runtime.now(), this.#settings)
    if (age === 'fresh') return toAccessToken(state)

    if (state.tokens.refreshToken === undefined) {
      if (age === 'soft') return toAccessToken(state)
      if (isRefused && !isPast(state, this.#runtime.now())) {
        throw new AuthError(
          'ERR_AUTH_REQUIRED',
          'the access token was refused, and there is no refresh token to replace it with',
        )
      }
      throw new AuthError(
        'ERR_AUTH_REVOKED',
        'the access token is not good any more, and the server issued no refresh token; sign in again',
      )
    }
    if (isRefused && this.#isReplacement(id, state)) {
      throw new AuthError('ERR_AUTH_REQUIRED', 'the access token was refused, and so was the one it had just replaced')
    }
    const refresh = this.#refresh(id, state, isRefused)
    if (age === 'expired') return this.#awaited(refresh, state, isRefused, request.signal)
    refresh.catch(() => {}) // told as an event; whoever finds the token expired will wait and see
    return toAccessToken(state)
  }

  /** One refresh for everybody in this process who found the same generation wanting. */
  #refresh(id: string, known: GrantState, isRefused: boolean): Promise<GrantState> {
    return this.#refreshes.run(`${id} ${known.generation}`, async () => {
      if (isRefused) this.#replacements.set(id, known.generation + 1)
      return this.#checked(id, await this.#refresher.refresh(id, known, isRefused))
    })
  }

  /** A token with little left is better than none, as long as it is good. */
  async #awaited(
    refresh: Promise<GrantState>,
    old: GrantState,
    isRefused: boolean,
    signal: AbortSignal | undefined,
  ): Promise<AccessToken> {
    try {
      return toAccessToken(await patiently(refresh, this.#settings.waitMs, this.#runtime, signal))
    } catch (error) {
      const isOver = error instanceof AuthError && error.code === 'ERR_AUTH_REVOKED'
      if (isOver || isRefused || isPast(old, this.#runtime.now())) throw error
      return toAccessToken(old)
    }
  }

  /**
   * Was this token, only just, got in place of one that was refused? A resource server that refuses every token must not cost the
   * authorization server a refresh with every request.
   */
  #isReplacement(id: string, { generation, storedAt }: GrantState): boolean {
    return this.#replacements.get(id) === generation && this.#runtime.now() - storedAt < REPLACEMENT_PAUSE_MS
  }

  /** The stored tokens, checked. For reading; `accessToken` keeps them fresh. @throws {AuthError} as `accessToken`. */
  async state(id: string): Promise<GrantState> {
    const found = await reachable(this.#store.read(id))
    if (found.kind === 'gone') throw gone(found.why)
    if (!found.state.verified) await this.#verify(id, found.state)
    return found.state
  }

  /** Ends a grant here, then at the server. @returns the last ID Token, for RP-initiated logout. */
  async end(id: string, why: EndReason): Promise<string | undefined> {
    const last = await this.#ending.end(id, why)
    return last?.tokens.idToken
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` if the store cannot be used. */
  async check(): Promise<void> {
    await reachable(this.#store.check())
  }

  /** Waits until every refresh under way has stored what it got. */
  async close(): Promise<void> {
    await this.#refreshes.settled()
    await this.#refresher.settled()
    await this.#verifications.settled()
  }

  async #checked(id: string, state: GrantState): Promise<GrantState> {
    if (!state.verified) await this.#verify(id, state)
    return state
  }

  /** An ID Token that came with a refresh is stored first; this lets it, and the tokens beside it, be handed out. */
  #verify(id: string, state: GrantState): Promise<void> {
    return this.#verifications.run(`${id} ${state.generation}`, async () => {
      const signed = await this.#serverOf(state.provider).isSigned(state.tokens.idToken ?? '')
      if (signed) return reachable(this.#store.markVerified(id, state.generation))
      await this.#ending.endUntrusted(id, state, state.tokens)
      throw gone('untrusted')
    })
  }
}

function isPast({ tokens }: GrantState, now: number): boolean {
  return tokens.expiresAt !== undefined && tokens.expiresAt <= now
}

function toAccessToken({ tokens, generation }: GrantState): AccessToken {
  return {
    token: tokens.accessToken,
    tokenType: tokens.tokenType,
    scope: tokens.scope,
    expiresAt: tokens.expiresAt,
    generation,
  }
}
