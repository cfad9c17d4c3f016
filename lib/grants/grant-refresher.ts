import { randomBytes, randomInt } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { TokenTarget } from '../protocol/token-target.ts'
import { Breaker } from '../breaker.ts'
import type { AuthError } from '../errors.ts'
import { reach } from './engine.ts'
import { gone, storeAway, unavailable } from './faults.ts'
import type { GrantState } from './grant.ts'
import type { ClaimAnswer } from './grant-store.ts'
import { patiently } from './patience.ts'
import { Redemption, type Claimed, type Redeemed, type RedemptionParts } from './redemption.ts'
import { SingleFlight } from './single-flight.ts'
import { issuedFor } from './succession.ts'

/** What a caller is missing. */
export interface Wanted {
  readonly target: TokenTarget
  /** The target's `targetKey`. */
  readonly key: string | undefined
  /** The access token that was found wanting; `undefined`: there was none yet. */
  readonly unwanted: string | undefined
  /** How long that one can still be used, from now. Milliseconds; 0 if it was refused. */
  rideOutMs(): number
}

/** Far more than providers whose token endpoints fail at a time; the one that was asked least recently goes. */
const MAX_BREAKERS = 1_000

const POLL_FROM_MS = 20
const POLL_TO_MS = 200
/** A name that was not found, or a connection refused, may be the server's restart. */
const RETRY_AFTER_MS = 200
/** Until there may be another process. */
const RESTART_MS = 1_000

/**
 * Waits for its turn. A refresh token is a one-shot credential, so it is claimed in the store, which knows all processes, before it is
 * redeemed; who comes second waits for what the first one stores.
 */
export class GrantRefresher {
  readonly #parts: RedemptionParts
  readonly #redemptions = new SingleFlight<Redeemed>()
  /** By provider: each has one token endpoint. Tenants are providers, too, and nobody knows how many there are. */
  readonly #breakers = new LRUCache<string, Breaker>({ max: MAX_BREAKERS })
  #isStopped = false

  constructor(parts: RedemptionParts) {
    this.#parts = parts
  }

  /** Providers whose token endpoint is being given a pause. */
  get openBreakers(): number {
    return [...this.#breakers.values()].filter(({ pauseMs }) => pauseMs > 0).length
  }

  /** The process is about to end: no refresh token is used any more that it might end with. */
  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when every answer that was under way is here. */
  async settled(): Promise<void> {
    await this.#redemptions.settled()
  }

  /**
   * @param known the state that was found wanting.
   * @param checked verifies what somebody else has stored: what is not verified is not built upon.
   * @returns a newer state, whose ID Token may be still to verify.
   * @throws {AuthError} `ERR_AUTH_REVOKED`, `ERR_AUTH_UNAVAILABLE`, `ERR_AUTH_MISCONFIGURED`.
   */
  async refresh(
    id: string,
    known: GrantState,
    wanted: Wanted,
    checked: (state: GrantState) => Promise<GrantState>,
  ): Promise<GrantState> {
    const { serverOf, settings, runtime, journal } = this.#parts
    const begun = runtime.monotonic()
    const leftMs = (): number => settings.waitMs - (runtime.monotonic() - begun)
    const breaker = this.#breakerOf(known.provider)
    // Fetching its metadata may take long, and must not fall between the look at the clock and the request.
    await serverOf(known.provider).ready()

    let newest = known
    let isRetry = false
    for (let pollMs = POLL_FROM_MS; ; pollMs = Math.min(pollMs * 2, POLL_TO_MS)) {
      await journal.flush(id)
      if (journal.isFull) throw storeAway(undefined)
      demandClosed(breaker.pauseMs)
      if (this.#isStopped) throw unavailable('this process is about to end', RESTART_MS)

      const askedAt = runtime.monotonic()
      const claimId = randomBytes(16).toString('base64url')
      const claim = await this.#claim(id, claimId, newest, wanted)
      switch (claim.kind) {
        case 'gone':
          throw gone(claim.why)
        case 'ended':
          this.#parts.ending.ended(id, known, 'refused')
          throw gone('refused')
        case 'newer':
          if (isEnough(claim.state, wanted)) return claim.state
          newest = await checked(claim.state) // refreshed for another target; now it is our turn
          break
        case 'backoff':
          throw unavailable('the authorization server is being given a pause', claim.forMs)
        case 'busy':
          if (leftMs() <= 0) throw unavailable('the token is being refreshed elsewhere', claim.forMs)
          await runtime.sleep(Math.min(randomInt(pollMs / 2, pollMs), leftMs()))
          break
        case 'claimed': {
          const claimed: Claimed = { claimId, claim, askedAt, target: wanted.target, key: wanted.key, isRetry }
          const redeemed = await this.#redeem(id, claimed, breaker)
          if (redeemed.kind === 'refreshed') return redeemed.state
          if (redeemed.kind === 'adopted') {
            if (isEnough(redeemed.state, wanted)) return redeemed.state
            newest = await checked(redeemed.state)
          }
          isRetry ||= redeemed.kind === 'not-arrived'
          if (isRetry)
            await runtime.sleep(Math.min(randomInt(RETRY_AFTER_MS / 2, RETRY_AFTER_MS), Math.max(leftMs(), 0)))
          if (leftMs() <= 0) throw unavailable('this process is too busy to refresh the token', settings.leaseMs)
          break
        }
        default:
          return claim satisfies never
      }
    }
  }

  async #claim(
    id: string,
    claimId: string,
    { generation, provider }: GrantState,
    wanted: Wanted,
  ): Promise<ClaimAnswer> {
    const { store, settings, serverOf, telemetry } = this.#parts
    const { leaseMs } = settings
    const rideOutMs = wanted.rideOutMs()
    // Where a spent token is accepted again, for a while or for good, a lost answer is best asked for again at once.
    const whenInDoubt = serverOf(provider).provider.rotation === 'rotating' ? 'wait' : 'at-once'
    try {
      return await telemetry.span('claim', { provider }, () =>
        reach(this.#parts, store.claim(id, { claimId, generation, leaseMs, whenInDoubt, rideOutMs })),
      )
    } catch (error) {
      // It may have been granted, and its answer lost. Nothing was sent, so nobody needs to wait for us.
      store.release(id, { claimId, unspent: true, failed: false, backoffMs: 0 }).catch(() => {})
      throw error
    }
  }

  /** The waiting ends at the deadline; the redemption does not. */
  async #redeem(id: string, claimed: Claimed, breaker: Breaker): Promise<Redeemed> {
    const { runtime, settings } = this.#parts
    const redemption = new Redemption(this.#parts, id, claimed)
    const admission = breaker.enter()
    if (admission === undefined) {
      const { pauseMs } = breaker
      await redemption.giveBack()
      throw leftAlone(pauseMs)
    }

    let isOver = false
    const running = this.#redemptions
      .run(claimed.claimId, () => redemption.run(admission))
      .finally(() => {
        isOver = true
      })
    try {
      return await patiently(running, settings.deadlineMs, runtime)
    } catch (error) {
      if (!isOver) admission.failed()
      throw error
    }
  }

  #breakerOf(provider: string): Breaker {
    const breaker = this.#breakers.get(provider) ?? new Breaker(() => this.#parts.runtime.monotonic())
    this.#breakers.set(provider, breaker)
    return breaker
  }
}

/** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the breaker is open. */
function demandClosed(pauseMs: number): void {
  if (pauseMs > 0) throw leftAlone(pauseMs)
}

function leftAlone(pauseMs: number): AuthError {
  return unavailable('the authorization server is being given a pause', pauseMs)
}

function isEnough({ tokens }: GrantState, { key, unwanted }: Wanted): boolean {
  const issued = issuedFor(tokens, key)
  return issued !== undefined && issued.accessToken !== unwanted
}
