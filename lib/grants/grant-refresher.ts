import { randomBytes, randomInt } from 'node:crypto'
import { AuthError } from '../errors.ts'
import type { EventListener, RefreshResult } from '../events.ts'
import type { AuthorizationServer, RefreshOutcome } from '../protocol/authorization-server.ts'
import type { TokenFailure } from '../protocol/token-failure.ts'
import { carryOver } from '../protocol/token-response.ts'
import type { Runtime } from '../runtime.ts'
import { gone, reachable, storeAway, unavailable } from './faults.ts'
import type { GrantEnding } from './grant-ending.ts'
import type { GrantState } from './grant.ts'
import type { ClaimAnswer, CommitAnswer, CommitRequest, GrantStore, WhenInDoubt } from './grant-store.ts'
import { patiently } from './patience.ts'
import { SingleFlight } from './single-flight.ts'

export interface RefreshSettings {
  /** A caller gets an answer within this time, whatever it is. Milliseconds. */
  readonly waitMs: number
  /** The server has this long to answer a refresh before callers are told to come again. Milliseconds. */
  readonly deadlineMs: number
  /** How long a claim keeps everybody else from refreshing; longer than the deadline. Milliseconds. */
  readonly leaseMs: number
}

const MAX_BACKOFF_MS = 5 * 60_000
const POLL_FROM_MS = 20
const POLL_TO_MS = 200
const COMMIT_RETRY_MS = 1_000

type Tell = (result: RefreshResult, cause?: Error) => void

/**
 * One refresh, step by step: claim, redeem, commit, or settle. A refresh token is a one-shot credential, so it is claimed in the store
 * before it is redeemed, what comes back is stored before anything that can fail, and no request owns a refresh.
 */
export class GrantRefresher {
  readonly #store: GrantStore
  readonly #serverOf: (provider: string) => AuthorizationServer
  readonly #ending: GrantEnding
  readonly #settings: RefreshSettings
  readonly #runtime: Runtime
  readonly #tell: EventListener
  readonly #redemptions = new SingleFlight<GrantState>()

  constructor(
    store: GrantStore,
    serverOf: (provider: string) => AuthorizationServer,
    ending: GrantEnding,
    settings: RefreshSettings,
    runtime: Runtime,
    tell: EventListener,
  ) {
    this.#store = store
    this.#serverOf = serverOf
    this.#ending = ending
    this.#settings = settings
    this.#runtime = runtime
    this.#tell = tell
  }

  /** Resolves when every answer that was under way is stored. */
  async settled(): Promise<void> {
    await this.#redemptions.settled()
  }

  /**
   * Waits for its turn and redeems the refresh token, or adopts what somebody else has stored meanwhile.
   *
   * @param known the state that was found wanting.
   * @param isRefused its access token was refused, so that it is no use to ride it out.
   * @returns a newer state, whose ID Token may be still to verify.
   * @throws {AuthError} `ERR_AUTH_REVOKED`, `ERR_AUTH_UNAVAILABLE`, `ERR_AUTH_MISCONFIGURED`.
   */
  async refresh(id: string, known: GrantState, isRefused: boolean): Promise<GrantState> {
    const { waitMs, leaseMs, deadlineMs } = this.#settings
    // Fetching its metadata may take long, and must not fall between the look at the clock and the request.
    await this.#serverOf(known.provider).ready()
    const begun = this.#runtime.monotonic()
    for (let pollMs = POLL_FROM_MS; ; pollMs = Math.min(pollMs * 2, POLL_TO_MS)) {
      const askedAt = this.#runtime.monotonic()
      const claimId = randomBytes(16).toString('base64url')
      const whenInDoubt = this.#whenInDoubt(known, isRefused)
      const answer = await reachable(
        this.#store.claim(id, { claimId, generation: known.generation, leaseMs, whenInDoubt }),
      )
      switch (answer.kind) {
        case 'gone':
          throw gone(answer.why)
        case 'newer':
          return answer.state
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
            await reachable(this.#store.release(id, { claimId, unspent: true, backoffMs: 0 }))
            break
          }
          const redemption = this.#redemptions.run(claimId, () => this.#redeem(id, claimId, answer))
          return patiently(redemption, deadlineMs, this.#runtime)
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
      await this.#ending.endUntrusted(id, previous, tokens)
      tell('dead')
      throw gone('untrusted')
    }
    const verified = outcome.idToken !== 'unverified'
    const answer = await this.#persist(id, { generation: previous.generation, tokens, verified })
    switch (answer.kind) {
      case 'committed':
        tell('ok')
        return answer.state
      case 'newer':
        tell('adopted')
        return answer.state
      case 'gone':
        tell('ended')
        if (answer.why !== 'replaced') await this.#ending.revoke(id, previous, tokens)
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
      await reachable(this.#store.release(id, { claimId, unspent: failure.unspent, backoffMs }))
      if (failure.kind === 'passing')
        throw unavailable(`the authorization server gave no usable answer${word}`, backoffMs, cause)
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `the authorization server refuses this client${word}`, { cause })
    }

    const { leaseMs } = this.#settings
    const answer = await reachable(this.#store.settle(id, { claimId, generation: state.generation, leaseMs }))
    switch (answer.kind) {
      case 'ended':
        tell('dead', cause)
        this.#tell({ type: 'grant-ended', provider: state.provider, grantId: id, why: 'refused' })
        throw gone('refused', cause)
      case 'newer':
        tell('adopted')
        return answer.state
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

  #whenInDoubt(state: GrantState, isRefused: boolean): WhenInDoubt {
    if (this.#serverOf(state.provider).provider.rotation === 'reusable') return 'at-once'
    return isRefused ? 'wait' : 'ride-out'
  }
}
