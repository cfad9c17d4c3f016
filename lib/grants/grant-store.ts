import type { TokenSet } from '../protocol/token-response.ts'
import type { EndReason, GrantOwner, GrantState } from './grant.ts'

export interface ClaimRequest {
  /** Fresh and random for every claim: it names the claim, not the process. Asking again with the same id is harmless. */
  readonly claimId: string
  /** The generation the claimant knows; a newer one is answered instead of a claim. */
  readonly generation: number
  readonly leaseMs: number
  readonly whenInDoubt: WhenInDoubt
}

/**
 * What a claimant does that finds the intent of a holder which ended without a word. `wait`: until that holder's answer can no
 * longer come. `ride-out`: also as long as the access token is good. `at-once`: nothing, reusable tokens cannot be lost.
 */
export type WhenInDoubt = 'ride-out' | 'wait' | 'at-once'

export type ClaimAnswer =
  | { kind: 'claimed'; state: GrantState; inDoubt: boolean }
  | { kind: 'newer'; state: GrantState }
  /** Somebody else is refreshing, or may still be. Milliseconds from now. */
  | { kind: 'busy'; forMs: number }
  /** The server asked for, or its failures earned it, a pause. Milliseconds from now. */
  | { kind: 'backoff'; forMs: number }
  | Gone

export type Gone = { kind: 'gone'; why: EndReason | undefined }

export interface ReleaseRequest {
  readonly claimId: string
  /** `true` only where it is certain that the refresh token was not redeemed. Clears the claim's own intent. */
  readonly unspent: boolean
  /** Milliseconds during which nobody should ask the server again. */
  readonly backoffMs: number
}

export interface CommitRequest {
  /** The generation that was claimed, which the new tokens succeed. */
  readonly generation: number
  readonly tokens: TokenSet
  readonly verified: boolean
}

export type CommitAnswer = { kind: 'committed'; state: GrantState } | { kind: 'newer'; state: GrantState } | Gone

export interface SettleRequest {
  readonly claimId: string
  readonly generation: number
  /** How long a late answer of an earlier holder is still welcome, if the claim was in doubt. */
  readonly leaseMs: number
}

/** `ended`: the grant is over, by this call. `undecided`: a later claim, or the end of a last lease, decides. */
export type SettleAnswer =
  { kind: 'ended' } | { kind: 'undecided'; forMs: number } | { kind: 'newer'; state: GrantState } | Gone

/**
 * Where grants live. Every operation is atomic and uses the store's own clock; none but `create` makes a record, and none
 * revives one that has ended. The four operations `claim`, `release`, `commit` and `settle` are one protocol: at most one
 * redemption of a refresh token under way, and no token presented after its successor was stored.
 *
 * A store that cannot be reached rejects; it never answers `gone` for what it could not read.
 */
export interface GrantStore {
  /** Stores the first generation. The record expires when it was not written for the store's retention. */
  create(id: string, owner: GrantOwner, tokens: TokenSet): Promise<void>

  read(id: string): Promise<({ kind: 'live' } & { state: GrantState }) | Gone>

  /** Takes the right to redeem the refresh token, with lease and intent, and answers with the token. */
  claim(id: string, request: ClaimRequest): Promise<ClaimAnswer>

  /** Gives the claim back. Does nothing if it no longer owns the record. */
  release(id: string, request: ReleaseRequest): Promise<void>

  /** Stores the next generation if the claimed one is still current, lease or no lease: it may be the only live token. */
  commit(id: string, request: CommitRequest): Promise<CommitAnswer>

  /** Decides after the server called the claimed generation's token dead. */
  settle(id: string, request: SettleRequest): Promise<SettleAnswer>

  /** Marks a generation as checked, so that it may be handed out. */
  markVerified(id: string, generation: number): Promise<void>

  /**
   * Leaves a tombstone that outlives every refresh under way. Ending what has ended changes nothing.
   *
   * @returns the last state, whose tokens are to be revoked; `undefined` if there was nothing to end.
   */
  end(id: string, why: EndReason): Promise<GrantState | undefined>

  /** Rejects if the store cannot be used at the moment. */
  check(): Promise<void>
}

/** A store that seals what it keeps, made when the application's secrets are known. */
export type GrantStoreFactory = (secrets: readonly [string, ...string[]]) => GrantStore
