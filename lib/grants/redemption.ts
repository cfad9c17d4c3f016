import { randomInt } from 'node:crypto'
import { AuthError } from '../errors.ts'
import type { RefreshResult } from '../events.ts'
import type { RefreshOutcome } from '../protocol/authorization-server.ts'
import type { TokenFailure } from '../protocol/token-failure.ts'
import type { TokenTarget } from '../protocol/token-target.ts'
import type { Admission } from '../breaker.ts'
import { isStoreAway, reach, type Engine } from './engine.ts'
import { gone, unavailable } from './faults.ts'
import type { GrantEnding } from './grant-ending.ts'
import type { EndReason, GrantState, GrantTokens } from './grant.ts'
import type { ClaimAnswer, CommitAnswer } from './grant-store.ts'
import type { Journal } from './journal.ts'
import { issuedFor, successor } from './succession.ts'

export interface RedemptionParts extends Engine {
  readonly ending: GrantEnding
  readonly journal: Journal
}

/** A claim that was granted. */
export interface Claimed {
  readonly claimId: string
  readonly claim: ClaimAnswer & { kind: 'claimed' }
  /** Monotonic milliseconds, from before the claim was asked for. */
  readonly askedAt: number
  readonly target: TokenTarget
  /** The target's `targetKey`. */
  readonly key: string | undefined
  /** The one before did not arrive. */
  readonly isRetry: boolean
}

export type Redeemed =
  | { kind: 'refreshed'; state: GrantState }
  /** Somebody else has stored newer tokens, whatever they had asked for. */
  | { kind: 'adopted'; state: GrantState }
  /** It was too late to send anything: the claim is given back. */
  | { kind: 'not-sent' }
  /** Nobody was there to receive it: the claim is given back, and it may be tried once more. */
  | { kind: 'not-arrived' }

const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
const MAX_RETRY_AFTER_MS = 5 * 60_000

/**
 * One redemption of a refresh token, from the claim to what the store makes of the answer. It belongs to no request, and goes on when
 * everybody has stopped waiting: the answer of a slow server is the only live refresh token.
 */
export class Redemption {
  readonly #parts: RedemptionParts
  readonly #id: string
  readonly #claimed: Claimed
  #sentAt: number

  constructor(parts: RedemptionParts, id: string, claimed: Claimed) {
    this.#parts = parts
    this.#id = id
    this.#claimed = claimed
    this.#sentAt = parts.runtime.monotonic()
  }

  /**
   * @param admission is told how the server does.
   * @throws {AuthError} `ERR_AUTH_REVOKED`, `ERR_AUTH_UNAVAILABLE`, `ERR_AUTH_MISCONFIGURED`.
   */
  async run(admission: Admission): Promise<Redeemed> {
    const { serverOf, settings, runtime, telemetry } = this.#parts
    const { claim, askedAt, target } = this.#claimed
    const { state } = claim
    const { provider, subject, tokens } = state
    const outcome = await telemetry.span('redeem', { provider }, () =>
      serverOf(provider).refresh(tokens.refreshToken ?? '', {
        subject,
        target,
        parameters: tokens.refreshParameters,
        patienceMs: 2 * settings.leaseMs - (runtime.monotonic() - askedAt),
        maySend: () => this.#maySend(),
      }),
    )
    switch (outcome.kind) {
      case 'not-sent':
        admission.left()
        await this.giveBack()
        return { kind: 'not-sent' }
      case 'failed':
        return this.#failed(outcome.failure, admission)
      case 'refreshed':
        admission.succeeded()
        return this.#refreshed(outcome)
      default:
        return outcome satisfies never
    }
  }

  /** Nothing was sent: the next may claim at once. */
  async giveBack(): Promise<void> {
    await this.#release(true, false, 0)
  }

  /** The look at the clock. Paused since the claim was asked for? Then others may soon claim as well, and what is not sent cannot collide. */
  #maySend(): boolean {
    const { runtime, settings } = this.#parts
    this.#sentAt = runtime.monotonic()
    return this.#sentAt - this.#claimed.askedAt <= settings.leaseMs - settings.deadlineMs
  }

  async #refreshed({ tokens: answer, idToken }: RefreshOutcome & { kind: 'refreshed' }): Promise<Redeemed> {
    const { store, ending, runtime, telemetry } = this.#parts
    const { state: previous } = this.#claimed.claim
    const tokens = successor(previous.tokens, answer, this.#claimed.key, runtime.now())
    if (idToken === 'alien') {
      await ending.endUntrusted(this.#id, previous, tokens)
      this.#tell('dead')
      throw gone('untrusted')
    }

    // Before anything that can fail: these tokens are the only live ones.
    const request = { generation: previous.generation, tokens, verified: idToken !== 'unverified' && previous.verified }
    let stored: CommitAnswer
    try {
      stored = await telemetry.span('commit', { provider: previous.provider }, () =>
        reach(this.#parts, store.commit(this.#id, request)),
      )
    } catch (error) {
      if (!isStoreAway(error)) throw error
      return { kind: 'refreshed', state: this.#hold(request, tokens) }
    }
    return this.#stored(stored, tokens)
  }

  #hold(request: { generation: number; tokens: GrantTokens; verified: boolean }, tokens: GrantTokens): GrantState {
    const { journal, runtime } = this.#parts
    const { claim, askedAt } = this.#claimed
    const { verified } = request
    const generation = request.generation + 1
    const state: GrantState = { ...claim.state, generation, tokens, verified, storedAt: runtime.now() }
    this.#tell('held')
    journal.hold(this.#id, {
      state,
      request,
      since: askedAt,
      stored: (answer) => this.#stored(answer, tokens),
      end: (why) => this.#end(why, tokens),
      lost: () => this.#tell('lost'),
    })
    return state
  }

  /** A sign-out came while the tokens were held. */
  async #end(why: EndReason, tokens: GrantTokens): Promise<void> {
    const { ending } = this.#parts
    await ending.bury(this.#id, why)
    this.#tell('ended')
    if (why !== 'replaced') await ending.revoke(this.#id, this.#claimed.claim.state, tokens)
  }

  async #stored(answer: CommitAnswer, tokens: GrantTokens): Promise<Redeemed> {
    switch (answer.kind) {
      case 'committed':
        this.#tell('ok')
        return { kind: 'refreshed', state: answer.state }
      case 'newer': {
        // Our own, if the answer to the first commit was lost.
        const isOurs = this.#issuedIn(answer.state.tokens) === this.#issuedIn(tokens)
        this.#tell(isOurs ? 'ok' : 'adopted')
        return { kind: isOurs ? 'refreshed' : 'adopted', state: answer.state }
      }
      case 'gone':
        this.#tell('ended')
        if (answer.why !== 'replaced') await this.#parts.ending.revoke(this.#id, this.#claimed.claim.state, tokens)
        throw gone(answer.why)
      default:
        return answer satisfies never
    }
  }

  /** The access token for the target. */
  #issuedIn(tokens: GrantTokens): string | undefined {
    return issuedFor(tokens, this.#claimed.key)?.accessToken
  }

  get #isOutOfPatience(): boolean {
    const { runtime, settings } = this.#parts
    return runtime.monotonic() - this.#claimed.askedAt >= 2 * settings.leaseMs
  }

  async #failed(failure: TokenFailure, admission: Admission): Promise<Redeemed> {
    const { kind, unspent, answered, retryAfterMs, cause, error } = failure
    const word = error === undefined ? '' : ` (${error})`
    // Where it was refused without an answer, nothing was sent.
    if (kind !== 'passing' && answered) admission.succeeded()
    if (kind !== 'passing' && !answered) admission.left()
    if (kind === 'dead') return this.#settle(cause)

    if (kind === 'misconfigured') {
      this.#tell('misconfigured', cause)
      await this.#release(unspent, true, backoffMs(this.#claimed.claim.failures, retryAfterMs))
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `the authorization server refuses this client${word}`, { cause })
    }
    if (unspent && !answered && !this.#claimed.isRetry) {
      admission.left()
      await this.giveBack()
      return { kind: 'not-arrived' }
    }
    admission.failed(Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS))
    this.#tell('unavailable', cause)
    const pauseMs = backoffMs(this.#claimed.claim.failures, retryAfterMs)
    // While the request may still be decided, the claim stands: whoever presents the token meanwhile would be the second.
    if (unspent || answered || this.#isOutOfPatience) await this.#release(unspent, true, pauseMs)
    throw unavailable(`the authorization server gave no usable answer${word}`, pauseMs, cause)
  }

  /** The server calls the token dead. Somebody else may have redeemed it; the store decides. */
  async #settle(cause: Error): Promise<Redeemed> {
    const { store, settings } = this.#parts
    const { claimId, claim } = this.#claimed
    const { generation } = claim.state
    const answer = await reach(this.#parts, store.settle(this.#id, { claimId, generation, leaseMs: settings.leaseMs }))
    switch (answer.kind) {
      case 'ended':
        this.#tell('dead', cause)
        this.#parts.ending.ended(this.#id, claim.state, 'refused')
        throw gone('refused', cause)
      case 'newer':
        this.#tell('adopted')
        return { kind: 'adopted', state: answer.state }
      case 'undecided':
        this.#tell('unavailable', cause)
        throw unavailable('an earlier refresh may still be answered', answer.forMs, cause)
      case 'gone':
        this.#tell('ended')
        throw gone(answer.why)
      default:
        return answer satisfies never
    }
  }

  /** Best effort: a claim that cannot be given back ends by itself. */
  async #release(unspent: boolean, failed: boolean, pauseMs: number): Promise<void> {
    const { claimId } = this.#claimed
    await reach(
      this.#parts,
      this.#parts.store.release(this.#id, { claimId, unspent, failed, backoffMs: pauseMs }),
    ).catch(() => {})
  }

  #tell(result: RefreshResult, cause?: Error): void {
    const { claim } = this.#claimed
    const { provider, generation } = claim.state
    this.#parts.tell({
      type: 'refresh',
      provider,
      grantId: this.#id,
      result,
      generation,
      inDoubt: claim.inDoubt,
      durationMs: this.#parts.runtime.monotonic() - this.#sentAt,
      ...(cause && { cause }),
    })
  }
}

/** Full jitter, so that what failed together is not tried again together; never earlier than the server asked for. */
function backoffMs(failures: number, retryAfterMs = 0): number {
  const jittered = randomInt(
    FIRST_BACKOFF_MS / 4,
    Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failures, 10), MAX_BACKOFF_MS) + 1,
  )
  return Math.max(jittered, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
}
