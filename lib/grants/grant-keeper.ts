import { randomBytes, randomInt } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AuthError, withoutSecrets } from '../errors.ts'
import type { EventListener, RefreshResult } from '../events.ts'
import type { AuthorizationServer, RefreshOutcome } from '../protocol/authorization-server.ts'
import type { TokenFailure } from '../protocol/token-failure.ts'
import { carryOver, type TokenSet } from '../protocol/token-response.ts'
import type { Runtime } from '../runtime.ts'
import { freshness, type FreshnessRule } from './freshness.ts'
import { newGrantId, type EndReason, type GrantOwner, type GrantState } from './grant.ts'
import type { ClaimAnswer, CommitAnswer, CommitRequest, GrantStore, WhenInDoubt } from './grant-store.ts'
import { SingleFlight } from './single-flight.ts'

export interface GrantKeeperSettings extends FreshnessRule {
  /** A caller gets an answer within this time, whatever it is. Milliseconds. */
  readonly waitMs: number
  /** The server has this long to answer a refresh before callers are told to come again. Milliseconds. */
  readonly deadlineMs: number
  /** How long a claim keeps everybody else from refreshing; longer than the deadline. Milliseconds. */
  readonly leaseMs: number
}

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

const MAX_BACKOFF_MS = 5 * 60_000
const REPLACEMENT_PAUSE_MS = 2_000
const REVOCATION_BUDGET_MS = 3_000
const POLL_FROM_MS = 20
const POLL_TO_MS = 200
const COMMIT_RETRY_MS = 1_000

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
  readonly #tell: EventListener
  readonly #refreshes = new SingleFlight<GrantState>()
  readonly #redemptions = new SingleFlight<GrantState>()
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
    this.#tell = tell
  }

  /** Stores what a sign-in brought. @returns the id under which it lives. */
  async create(owner: GrantOwner, tokens: TokenSet): Promise<string> {
    const id = newGrantId()
    await this.#reachable(this.#store.create(id, owner, tokens))
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
    const refresh = this.#refreshes.run(`${id} ${state.generation}`, () => this.#refresh(id, state, isRefused))
    if (age === 'expired') return this.#awaited(refresh, state, isRefused, request.signal)
    refresh.catch(() => {}) // told as an event; whoever finds the token expired will wait and see
    return toAccessToken(state)
  }

  /** A token with little left is better than none, as long as it is good. */
  async #awaited(
    refresh: Promise<GrantState>,
    old: GrantState,
    isRefused: boolean,
    signal: AbortSignal | undefined,
  ): Promise<AccessToken> {
    try {
      return toAccessToken(await this.#patiently(refresh, signal))
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
    const found = await this.#reachable(this.#store.read(id))
    if (found.kind === 'gone') throw gone(found.why)
    if (!found.state.verified) await this.#verify(id, found.state)
    return found.state
  }

  /**
   * Ends a grant: tombstone first, so that nothing can come back, then revocation (RFC 7009) within a time budget. A grant that was
   * replaced is not revoked: many servers keep one grant for all sign-ins of a browser, and revoking would take the new one along.
   *
   * @returns the last ID Token, for RP-initiated logout.
   */
  async end(id: string, why: EndReason): Promise<string | undefined> {
    const last = await this.#reachable(this.#store.end(id, why))
    if (last === undefined) return undefined
    this.#tell({ type: 'grant-ended', provider: last.provider, grantId: id, why })
    if (why !== 'replaced') await this.#revoke(id, last, last.tokens)
    return last.tokens.idToken
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` if the store cannot be used. */
  async check(): Promise<void> {
    await this.#reachable(this.#store.check())
  }

  /** Waits until every refresh under way has stored what it got. */
  async close(): Promise<void> {
    await this.#refreshes.settled()
    await this.#redemptions.settled()
    await this.#verifications.settled()
  }

  /** One refresh for everybody in this process who found the same generation wanting. */
  async #refresh(id: string, known: GrantState, isRefused: boolean): Promise<GrantState> {
    const { waitMs, leaseMs, deadlineMs } = this.#settings
    // Fetching its metadata may take long, and must not fall between the look at the clock and the request.
    await this.#serverOf(known.provider).ready()
    const begun = this.#runtime.monotonic()
    for (let pollMs = POLL_FROM_MS; ; pollMs = Math.min(pollMs * 2, POLL_TO_MS)) {
      const askedAt = this.#runtime.monotonic()
      const claimId = randomBytes(16).toString('base64url')
      const whenInDoubt = this.#whenInDoubt(known, isRefused)
      const answer = await this.#reachable(
        this.#store.claim(id, { claimId, generation: known.generation, leaseMs, whenInDoubt }),
      )
      switch (answer.kind) {
        case 'gone':
          throw gone(answer.why)
        case 'newer':
          return this.#checked(id, answer.state)
        case 'backoff':
          throw unavailable('the authorization server is being given a pause', answer.forMs)
        case 'busy': {
          const leftMs = waitMs - (this.#runtime.monotonic() - begun)
          if (leftMs <= 0) throw unavailable('the token is being refreshed elsewhere', answer.forMs)
          await this.#runtime.sleep(Math.min(randomInt(pollMs / 2, pollMs), leftMs))
          break
        }
        case 'claimed': {
          // Paused between asking and now? Then others may soon claim as well; what was not sent cannot collide.
          if (this.#runtime.monotonic() - askedAt > leaseMs - deadlineMs) {
            await this.#reachable(this.#store.release(id, { claimId, unspent: true, backoffMs: 0 }))
            break
          }
          if (isRefused) this.#replacements.set(id, known.generation + 1)
          const redemption = this.#redemptions.run(claimId, () => this.#redeem(id, claimId, answer))
          return this.#patiently(redemption, undefined, deadlineMs)
        }
        default:
          return answer satisfies never
      }
    }
  }

  /** Goes on when everybody has stopped waiting: the answer of a slow server is the only live refresh token. */
  async #redeem(id: string, claimId: string, claim: ClaimAnswer & { kind: 'claimed' }): Promise<GrantState> {
    const { state, inDoubt } = claim
    const begun = this.#runtime.monotonic()
    const tell = (result: RefreshResult, cause?: Error): void => {
      const durationMs = this.#runtime.monotonic() - begun
      const { provider, generation } = state
      this.#tell({
        type: 'refresh',
        provider,
        grantId: id,
        result,
        generation,
        inDoubt,
        durationMs,
        ...(cause && { cause }),
      })
    }
    const outcome = await this.#serverOf(state.provider).refresh(
      state.tokens.refreshToken ?? '',
      state.subject,
      2 * this.#settings.leaseMs,
    )
    if (outcome.kind === 'failed') return this.#failed(id, claimId, state, outcome.failure, tell)
    return this.#refreshed(id, state, outcome, tell)
  }

  async #refreshed(
    id: string,
    previous: GrantState,
    outcome: RefreshOutcome & { kind: 'refreshed' },
    tell: Tell,
  ): Promise<GrantState> {
    const tokens = carryOver(outcome.tokens, previous.tokens)
    if (outcome.idToken === 'alien') {
      await this.#endUntrusted(id, { ...previous, tokens })
      tell('dead')
      throw gone('untrusted')
    }
    const verified = outcome.idToken !== 'unverified'
    const answer = await this.#persist(id, { generation: previous.generation, tokens, verified })
    switch (answer.kind) {
      case 'committed':
        tell('ok')
        return this.#checked(id, answer.state)
      case 'newer':
        tell('adopted')
        return this.#checked(id, answer.state)
      case 'gone':
        tell('ended')
        if (answer.why !== 'replaced') await this.#revoke(id, previous, tokens)
        throw gone(answer.why)
      default:
        return answer satisfies never
    }
  }

  /**
   * The tokens in hand are the only live ones: a store that is away is asked again, long after the callers were told to come later. After
   * twice the lease somebody else may present the old token, and the answer is worth nothing any more.
   */
  async #persist(id: string, request: CommitRequest): Promise<CommitAnswer> {
    const begun = this.#runtime.monotonic()
    for (let pauseMs = POLL_FROM_MS; ; pauseMs = Math.min(pauseMs * 2, COMMIT_RETRY_MS)) {
      try {
        return await this.#store.commit(id, request)
      } catch (cause) {
        if (cause instanceof AuthError) throw cause
        if (this.#runtime.monotonic() - begun > 2 * this.#settings.leaseMs) throw storeAway(cause)
        await this.#runtime.sleep(randomInt(pauseMs / 2, pauseMs))
      }
    }
  }

  async #failed(
    id: string,
    claimId: string,
    state: GrantState,
    failure: TokenFailure,
    tell: Tell,
  ): Promise<GrantState> {
    const { cause } = failure
    const word = failure.error === undefined ? '' : ` (${failure.error})`
    const backoffMs = Math.min(failure.retryAfterMs ?? 1_000, MAX_BACKOFF_MS)
    if (failure.kind !== 'dead') {
      tell(failure.kind === 'passing' ? 'unavailable' : 'misconfigured', cause)
      await this.#reachable(this.#store.release(id, { claimId, unspent: failure.unspent, backoffMs }))
      if (failure.kind === 'passing')
        throw unavailable(`the authorization server gave no usable answer${word}`, backoffMs, cause)
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `the authorization server refuses this client${word}`, { cause })
    }

    const { leaseMs } = this.#settings
    const answer = await this.#reachable(this.#store.settle(id, { claimId, generation: state.generation, leaseMs }))
    switch (answer.kind) {
      case 'ended':
        tell('dead', cause)
        this.#tell({ type: 'grant-ended', provider: state.provider, grantId: id, why: 'refused' })
        throw gone('refused', cause)
      case 'newer':
        tell('adopted')
        return this.#checked(id, answer.state)
      case 'undecided':
        tell('unavailable', cause)
        throw unavailable('an earlier refresh may still be answered', answer.forMs, cause)
      case 'gone':
        tell('ended')
        throw gone(answer.why)
      default:
        return answer satisfies never
    }
  }

  async #checked(id: string, state: GrantState): Promise<GrantState> {
    if (!state.verified) await this.#verify(id, state)
    return state
  }

  /** An ID Token that came with a refresh is stored first; this lets it, and the tokens beside it, be handed out. */
  #verify(id: string, state: GrantState): Promise<void> {
    return this.#verifications.run(`${id} ${state.generation}`, async () => {
      const signed = await this.#serverOf(state.provider).isSigned(state.tokens.idToken ?? '')
      if (signed) return this.#reachable(this.#store.markVerified(id, state.generation))
      await this.#endUntrusted(id, state)
      throw gone('untrusted')
    })
  }

  async #endUntrusted(id: string, state: GrantState): Promise<void> {
    await this.#reachable(this.#store.end(id, 'untrusted'))
    this.#tell({ type: 'grant-ended', provider: state.provider, grantId: id, why: 'untrusted' })
    await this.#revoke(id, state, state.tokens)
  }

  /** Best effort: a server that is down must not keep anybody signed in. */
  async #revoke(id: string, { provider }: GrantOwner, tokens: TokenSet): Promise<void> {
    try {
      await this.#patiently(this.#serverOf(provider).revoke(tokens), undefined, REVOCATION_BUDGET_MS)
    } catch (thrown) {
      this.#tell({ type: 'revocation-failed', provider, grantId: id, cause: withoutSecrets(thrown) })
    }
  }

  #whenInDoubt(state: GrantState, isRefused: boolean): WhenInDoubt {
    if (this.#serverOf(state.provider).provider.rotation === 'reusable') return 'at-once'
    return isRefused ? 'wait' : 'ride-out'
  }

  /** Bounds the waiting, not the work. */
  async #patiently<T>(work: Promise<T>, signal?: AbortSignal, ms: number = this.#settings.waitMs): Promise<T> {
    const done = new AbortController()
    const giveUp = this.#runtime
      .sleep(ms, signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]))
      .then(
        () => {
          throw unavailable('the authorization server takes too long', ms)
        },
        () => {
          throw unavailable('nobody waits for the token any more', ms)
        },
      )
    try {
      return await Promise.race([work, giveUp])
    } finally {
      work.catch(() => {})
      giveUp.catch(() => {})
      done.abort()
    }
  }

  /** A store that cannot be reached is a passing fault; it proves nothing about the grant. */
  async #reachable<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (cause) {
      if (cause instanceof AuthError) throw cause
      throw storeAway(cause)
    }
  }
}

function isPast({ tokens }: GrantState, now: number): boolean {
  return tokens.expiresAt !== undefined && tokens.expiresAt <= now
}

type Tell = (result: RefreshResult, cause?: Error) => void

function toAccessToken({ tokens, generation }: GrantState): AccessToken {
  return {
    token: tokens.accessToken,
    tokenType: tokens.tokenType,
    scope: tokens.scope,
    expiresAt: tokens.expiresAt,
    generation,
  }
}

function unavailable(message: string, retryAfterMs: number, cause?: unknown): AuthError {
  return new AuthError('ERR_AUTH_UNAVAILABLE', message, {
    cause,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)),
  })
}

function storeAway(cause: unknown): AuthError {
  return unavailable('the grant store cannot be reached', 1_000, cause)
}

const GONE: Readonly<Record<EndReason, string>> = {
  'signed-out': 'the end-user has signed out',
  replaced: 'a newer sign-in took its place',
  refused: 'the authorization server does not accept the refresh token any more; sign in again',
  untrusted: 'the authorization server answered for somebody else; sign in again',
}

function gone(why: EndReason | undefined, cause?: unknown): AuthError {
  return new AuthError(
    'ERR_AUTH_REVOKED',
    why === undefined ? 'the grant is not there any more; sign in again' : GONE[why],
    { cause },
  )
}
