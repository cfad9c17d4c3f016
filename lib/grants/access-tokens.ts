import { boundedMap } from '../bounded-map.ts'
import { AuthError } from '../errors.ts'
import type { IssuedToken } from '../protocol/token-response.ts'
import { targetKey, type TokenTarget } from '../protocol/token-target.ts'
import type { Engine } from './engine.ts'
import { unavailable } from './faults.ts'
import { freshness, usableForMs } from './freshness.ts'
import type { GrantReader } from './grant-reader.ts'
import type { GrantRefresher, Wanted } from './grant-refresher.ts'
import type { GrantState } from './grant.ts'
import { patiently } from './patience.ts'
import { SingleFlight } from './single-flight.ts'
import { issuedFor } from './succession.ts'
import type { TokenServer } from './token-server.ts'

export interface AccessToken {
  readonly token: string
  readonly tokenType: string
  readonly scope: string | undefined
  /** Epoch milliseconds; `undefined` where the server did not say. */
  readonly expiresAt: number | undefined
  readonly generation: number
}

export interface AccessTokenRequest extends TokenTarget {
  /** The token that a resource server refused: anything but this one. */
  readonly refused?: string | undefined
  /** Can the request that it is for be sent once more with another one? Default `true`. */
  readonly isRepeatable?: boolean | undefined
  /** Stops this caller's waiting; never the refresh, which others wait for. */
  readonly signal?: AbortSignal | undefined
}

/** One caller's question, and what was found for it. */
interface Inquiry {
  readonly id: string
  /** The target's `targetKey`. */
  readonly key: string | undefined
  readonly state: GrantState
  /** The token at hand; `undefined`: there was none for this target yet. */
  readonly issued: IssuedToken | undefined
  readonly isRefused: boolean
  readonly request: AccessTokenRequest
  /** Monotonic milliseconds. */
  readonly begun: number
  /** How long the caller still waits. Milliseconds. */
  readonly leftMs: () => number
}

/** A token so new is not replaced when it is refused: a resource server that refuses every token must not cost a refresh with every request. */
const JUST_ISSUED_MS = 2_000

/** Remembered for as long as the slowest request may be. */
const HANDED_OUT_MS = 10 * 60_000
const MAX_HANDED_OUT = 10_000

/** Hands out access tokens: the one at hand while it is good, a refreshed one when it is not. */
export class AccessTokens {
  readonly #engine: Engine
  readonly #reader: GrantReader
  readonly #refresher: GrantRefresher
  readonly #refreshes = new SingleFlight<GrantState>()
  /** By grant and target. */
  readonly #handedOut = boundedMap<AccessToken>(MAX_HANDED_OUT, { ttl: HANDED_OUT_MS })
  #callers = 0
  #allServed: (() => void) | undefined

  constructor(engine: Engine, reader: GrantReader, refresher: GrantRefresher) {
    this.#engine = engine
    this.#reader = reader
    this.#refresher = refresher
  }

  /** @throws {AuthError} as `GrantKeeper.accessToken`. */
  async get(id: string, request: AccessTokenRequest): Promise<AccessToken> {
    const key = `${id} ${targetKey(request) ?? ''}`
    const begun = this.#engine.runtime.monotonic()
    this.#callers += 1
    try {
      for (;;) {
        const before = this.#handedOut.get(key)
        const token = await this.#get(id, request, begun)
        const newest = this.#newest(key, token, before)
        if (newest !== undefined) return newest
      }
    } finally {
      this.#callers -= 1
      if (this.#callers === 0) this.#allServed?.()
    }
  }

  /** Resolves when nobody waits here who could begin a refresh, and none is under way any more. */
  async settled(): Promise<void> {
    if (this.#callers > 0) await new Promise<void>((resolve) => (this.#allServed = resolve))
    await this.#refreshes.settled()
  }

  /** @param begun monotonic milliseconds, of when the caller came. */
  async #get(id: string, request: AccessTokenRequest, begun: number): Promise<AccessToken> {
    const { refused, isRepeatable = true, resource, scope } = request
    const { runtime, settings, serverOf } = this.#engine
    const key = targetKey({ resource, scope })
    const leftMs = (): number => Math.max(settings.waitMs - (runtime.monotonic() - begun), 0)
    // What cannot be sent again must not be sent with a token that another process has replaced since.
    const state = await this.#reader.state(id, leftMs, isRepeatable)
    const { provider } = serverOf(state.provider)
    demandKnown(resource, provider)
    const issued = issuedFor(state.tokens, key)
    const isRefused = issued !== undefined && issued.accessToken === refused
    const inquiry: Inquiry = { id, key, state, issued, isRefused, request, begun, leftMs }
    const age = issued === undefined || isRefused ? 'expired' : freshness(id, issued, runtime.now(), settings)
    if (issued !== undefined && age === 'fresh') {
      // Somebody was refused with it a moment ago; what comes in its place is the better token.
      const replacing = this.#refreshes.current(flightOf({ ...inquiry, isRefused: true }))
      return replacing === undefined ? toAccessToken(issued, state) : this.#awaited(replacing, inquiry)
    }

    if (state.tokens.refreshToken === undefined) {
      if (issued !== undefined && age === 'soft') return toAccessToken(issued, state)
      throw notRefreshable(issued, isRefused, runtime.now())
    }
    if (issued !== undefined && isRefused && isJustIssued(issued, state, runtime.now())) {
      throw new AuthError('ERR_AUTH_REQUIRED', 'the access token was refused, and so was the one it had just replaced')
    }
    const refresh = this.#refresh(inquiry, { resource, scope })
    const mayDieOnItsWay = provider.refreshEndsAccessToken && !isRepeatable
    if (issued === undefined || age === 'expired' || mayDieOnItsWay) return this.#awaited(refresh, inquiry)
    refresh.catch(() => {}) // told as an event; whoever finds the token expired will wait and see
    return toAccessToken(issued, state)
  }

  /** One refresh for everybody in this process who found the same token wanting. */
  #refresh(inquiry: Inquiry, target: TokenTarget): Promise<GrantState> {
    const { id, key, state: known, issued, isRefused } = inquiry
    const { runtime, settings } = this.#engine
    const rideOutMs = (): number =>
      issued === undefined || isRefused ? 0 : Math.max(usableForMs(issued, runtime.now(), settings), 0)
    const wanted: Wanted = { target, key, unwanted: issued?.accessToken, rideOutMs }
    return this.#refreshes.run(flightOf(inquiry), async () => {
      const askedAt = runtime.monotonic()
      const checked = (state: GrantState): Promise<GrantState> => this.#reader.checked(id, state)
      const state = await checked(await this.#refresher.refresh(id, known, wanted, checked))
      return this.#reader.remember(id, state, askedAt)
    })
  }

  /** A token with little left is better than none, as long as it is good. */
  async #awaited(refresh: Promise<GrantState>, inquiry: Inquiry): Promise<AccessToken> {
    const { runtime, telemetry } = this.#engine
    const { key, state: old, issued: last, isRefused, request, begun, leftMs } = inquiry
    try {
      const state = await patiently(refresh, leftMs(), runtime, request.signal)
      const issued = issuedFor(state.tokens, key)
      // Never one that was issued for something else in its place.
      if (issued === undefined) throw unavailable('the token for this resource was replaced by others', 0)
      telemetry.waited(runtime.monotonic() - begun, 'ok')
      return toAccessToken(issued, state)
    } catch (error) {
      const code = error instanceof AuthError ? error.code : 'unknown'
      telemetry.waited(runtime.monotonic() - begun, code)
      if (last === undefined || code === 'ERR_AUTH_REVOKED' || isRefused || isPast(last, runtime.now())) throw error
      telemetry.servedStale()
      return toAccessToken(last, old)
    }
  }

  /**
   * What this process handed out once is not taken back by a caller who was slower.
   *
   * @param before what had been handed out last when the caller asked the store.
   * @returns `undefined`: a newer one was handed out meanwhile and has expired, so the store must be asked once more.
   */
  #newest(key: string, token: AccessToken, before: AccessToken | undefined): AccessToken | undefined {
    const last = this.#handedOut.get(key)
    if (last !== undefined && last.generation > token.generation) {
      if (!isPast(last, this.#engine.runtime.now())) return last
      if (last !== before) return undefined
      // Asked later, and still older: the store has lost the newer one.
    }
    this.#handedOut.set(key, token)
    return token
  }
}

/**
 * Some servers spend the refresh token first and look at the resource then: the answer is an error, and the next refresh token is lost.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`
 */
function demandKnown(resource: string | undefined, { resources }: TokenServer['provider']): void {
  if (resource === undefined || resources.includes(resource)) return
  throw new AuthError('ERR_AUTH_OPTIONS', 'this "resource" is not in the "resources" of the provider')
}

function flightOf({ id, key, state, isRefused }: Inquiry): string {
  return JSON.stringify([id, state.generation, key ?? '', isRefused])
}

/** By a refresh: right after a sign-in it is the first that was refused. */
function isJustIssued(
  { expiresAt, lifetimeMs }: IssuedToken,
  { generation, storedAt }: GrantState,
  now: number,
): boolean {
  const issuedAt = expiresAt === undefined || lifetimeMs === undefined ? storedAt : expiresAt - lifetimeMs
  return generation > 1 && now - issuedAt < JUST_ISSUED_MS
}

function notRefreshable(issued: IssuedToken | undefined, isRefused: boolean, now: number): AuthError {
  if (issued === undefined) {
    return new AuthError('ERR_AUTH_REVOKED', 'a token for this resource needs a refresh token, and there is none')
  }
  if (isRefused && !isPast(issued, now)) {
    return new AuthError('ERR_AUTH_REQUIRED', 'the access token was refused, and there is no refresh token')
  }
  return new AuthError('ERR_AUTH_REVOKED', 'the access token is not good any more, and there is no refresh token')
}

function isPast({ expiresAt }: Pick<IssuedToken, 'expiresAt'>, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

function toAccessToken(issued: IssuedToken, { generation }: Pick<GrantState, 'generation'>): AccessToken {
  const { accessToken, tokenType, scope, expiresAt } = issued
  return { token: accessToken, tokenType, scope, expiresAt, generation }
}
