import type { EndReason, GrantOwner, GrantSession, GrantState, GrantTokens } from './grant.ts'

export interface ClaimRequest {
  /** Fresh and random for every claim: it names the claim, not the process. Asking again with the same id is harmless. */
  readonly claimId: string
  /** The generation the claimant knows; a newer one is answered instead of a claim. */
  readonly generation: number
  /** How long the claim keeps everybody else out. Milliseconds. */
  readonly leaseMs: number
  readonly whenInDoubt: WhenInDoubt
  /** With `wait`: keep waiting for at least so long, because the access token is still good. Milliseconds. */
  readonly rideOutMs: number
}

/**
 * What a claimant does that finds the intent of a holder which ended without a word. `wait`: until that holder's answer can no
 * longer come. `at-once`: nothing, for the token can be presented again.
 */
export type WhenInDoubt = 'wait' | 'at-once'

export type ClaimAnswer =
  /** `failures`: refreshes in a row, in any process, that got no usable answer. */
  | { kind: 'claimed'; state: GrantState; inDoubt: boolean; failures: number }
  | { kind: 'newer'; state: GrantState }
  /** Somebody else is refreshing, or may still be. Milliseconds from now. */
  | { kind: 'busy'; forMs: number }
  /** The server asked for, or its failures earned it, a pause. Milliseconds from now. */
  | { kind: 'backoff'; forMs: number }
  /** The grant is over, by this call: its token was refused to a holder in doubt, and no late answer came. */
  | { kind: 'ended' }
  | Gone

export type Gone = { kind: 'gone'; why: EndReason | undefined }

export interface ReleaseRequest {
  readonly claimId: string
  /** `true` only where it is certain that the refresh token was not redeemed. Clears the claim's own intent. */
  readonly unspent: boolean
  /** Does it count as one of the failures in a row? */
  readonly failed: boolean
  /** Milliseconds during which nobody should ask the server again. */
  readonly backoffMs: number
}

export interface CommitRequest {
  /** The generation that was claimed, which the new tokens succeed. */
  readonly generation: number
  readonly tokens: GrantTokens
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

/** A grant with the session it belongs to. */
export interface GrantRecord {
  readonly state: GrantState
  /** `undefined`: made without one. */
  readonly session: GrantSession | undefined
}

/** What grants can be looked up by: the end-user, or one session of theirs at the provider. */
export type GrantQuery =
  | { readonly provider: string; readonly subject: string; readonly sid?: undefined }
  | { readonly provider: string; readonly sid: string; readonly subject?: undefined }

/**
 * Where grants live. Every operation is atomic and uses the store's own clock; none but `create` makes a record, and none
 * revives one that has ended. The four operations `claim`, `release`, `commit` and `settle` are one protocol: at most one
 * redemption of a refresh token under way, and no token presented after its successor was stored.
 *
 * A store that cannot be reached rejects; it never answers `gone` for what it could not read.
 */
export interface GrantStore {
  /** How long a grant that has ended is remembered. Milliseconds; checked to be longer than three leases. */
  readonly tombstoneMs?: number | undefined

  /** Stores the first generation. The record expires when it was not written for the store's retention. */
  create(id: string, owner: GrantOwner, tokens: GrantTokens, session?: GrantSession): Promise<void>

  read(id: string): Promise<({ kind: 'live' } & { state: GrantState }) | Gone>

  /** As `read`, with the session; not for every request. */
  inspect(id: string): Promise<({ kind: 'live' } & GrantRecord) | Gone>

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

  /** Remembers that the grant now belongs to another session. Does nothing if it has ended. */
  bindSession(id: string, session: GrantSession): Promise<void>

  /**
   * Leaves a tombstone that outlives every refresh under way. Ending what has ended changes nothing.
   *
   * @returns the last state, whose tokens are to be revoked; `undefined` if there was nothing to end.
   */
  end(id: string, why: EndReason): Promise<GrantRecord | undefined>

  /** Ids of grants, none left out; some may have ended. In the order of the sign-ins. */
  find(query: GrantQuery): Promise<readonly string[]>

  /** Keeps a name for so long; from now, if it is kept already. Milliseconds. */
  remember(name: string, forMs: number): Promise<void>

  isRemembered(name: string): Promise<boolean>

  /** Rejects if the store cannot be used at the moment. */
  check(): Promise<void>
}

/** What a store is made with, once the application's options are known. */
export interface GrantStoreContext {
  /** For what is sealed: the first seals, all open. */
  readonly secrets: readonly [string, ...string[]]
  /** This process's wall clock, epoch milliseconds, which times in tokens are told by. */
  now(): number
}

/** A store that seals what it keeps. */
export type GrantStoreFactory = (context: GrantStoreContext) => GrantStore
