import { LRUCache } from 'lru-cache'
import type { TokenSet } from '../protocol/token-response.ts'
import { systemRuntime } from '../runtime.ts'
import type { EndReason, GrantOwner, GrantState } from './grant.ts'
import type {
  ClaimAnswer, ClaimRequest, CommitAnswer, CommitRequest, Gone, GrantStore, ReleaseRequest, SettleAnswer, SettleRequest,
} from './grant-store.ts' // prettier-ignore

export interface MemoryGrantsOptions {
  /** The least recently used grant goes when there are more. Default 100,000. */
  maxGrants?: number | undefined
  /** A grant that was neither used nor refreshed for so long is forgotten. Milliseconds, default 30 days. */
  retentionMs?: number | undefined
  /** A tombstone lives so long; more than three leases. Milliseconds, default 10 minutes. */
  tombstoneMs?: number | undefined
  /** The store's clock, epoch milliseconds. */
  now?: (() => number) | undefined
}

interface Claim {
  readonly id: string
  readonly until: number
  /** An earlier holder's intent stood when this claim was made. */
  readonly inDoubt: boolean
}

interface Live {
  readonly kind: 'live'
  state: GrantState
  claim: Claim | undefined
  /** Somebody may be presenting this generation's refresh token, and an answer may come until then. */
  intent: { answerUntil: number } | undefined
  /** This generation's token was refused to a holder in doubt; a late answer is welcome until then. */
  refusedUntil: number | undefined
  backoffUntil: number
}

type Entry = Live | Gone

/**
 * Grants in the memory of one process: nothing to install, lost at a restart, not shared. Each operation runs to its end before
 * the next begins, which is what makes it atomic.
 */
export class MemoryGrantStore implements GrantStore {
  readonly #entries: LRUCache<string, Entry>
  readonly #tombstoneMs: number
  readonly #now: () => number

  constructor(options: MemoryGrantsOptions = {}) {
    this.#now = options.now ?? (() => systemRuntime.now())
    this.#tombstoneMs = options.tombstoneMs ?? 10 * 60_000
    this.#entries = new LRUCache({
      max: options.maxGrants ?? 100_000,
      ttl: options.retentionMs ?? 30 * 24 * 60 * 60_000,
      updateAgeOnGet: true,
      ttlResolution: 0, // or it would remember the time for a moment
      perf: { now: this.#now },
    })
  }

  async create(id: string, owner: GrantOwner, tokens: TokenSet): Promise<void> {
    const state: GrantState = { ...owner, generation: 1, tokens, verified: true, storedAt: this.#now() }
    this.#entries.set(id, { kind: 'live', ...atRest(state) })
  }

  async read(id: string): Promise<{ kind: 'live'; state: GrantState } | Gone> {
    const entry = this.#entry(id)
    return entry.kind === 'live' ? { kind: 'live', state: entry.state } : entry
  }

  async claim(id: string, { claimId, generation, leaseMs, whenInDoubt }: ClaimRequest): Promise<ClaimAnswer> {
    const entry = this.#entry(id)
    const now = this.#now()
    if (entry.kind === 'gone') return entry
    if (entry.state.generation > generation) return { kind: 'newer', state: entry.state }

    const { claim, intent, refusedUntil } = entry
    if (claim?.id === claimId) return { kind: 'claimed', state: entry.state, inDoubt: claim.inDoubt }
    if (claim !== undefined && claim.until > now) return { kind: 'busy', forMs: claim.until - now }
    if (refusedUntil !== undefined) {
      return refusedUntil > now ? { kind: 'busy', forMs: refusedUntil - now } : this.#bury(id, 'refused')
    }
    if (entry.backoffUntil > now) return { kind: 'backoff', forMs: entry.backoffUntil - now }
    if (intent !== undefined && whenInDoubt !== 'at-once') {
      const goodUntil = whenInDoubt === 'ride-out' ? (entry.state.tokens.expiresAt ?? 0) : 0
      const until = Math.max(intent.answerUntil, goodUntil)
      if (until > now) return { kind: 'busy', forMs: until - now }
    }

    const inDoubt = intent !== undefined
    entry.claim = { id: claimId, until: now + leaseMs, inDoubt }
    entry.intent = { answerUntil: now + 2 * leaseMs }
    return { kind: 'claimed', state: entry.state, inDoubt }
  }

  async release(id: string, { claimId, unspent, backoffMs }: ReleaseRequest): Promise<void> {
    const entry = this.#entry(id)
    if (entry.kind === 'gone' || entry.claim?.id !== claimId) return
    // An intent that stood before this claim is not its own to clear. Nobody holds an answer, so nobody waits for one.
    const intentStands = !unspent || entry.claim.inDoubt
    entry.intent = intentStands ? { answerUntil: 0 } : undefined
    entry.claim = undefined
    entry.backoffUntil = this.#now() + backoffMs
  }

  async commit(id: string, { generation, tokens, verified }: CommitRequest): Promise<CommitAnswer> {
    const entry = this.#entry(id)
    if (entry.kind === 'gone') return entry
    if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }
    const state: GrantState = { ...entry.state, generation: generation + 1, tokens, verified, storedAt: this.#now() }
    Object.assign(entry, atRest(state))
    return { kind: 'committed', state }
  }

  async settle(id: string, { claimId, generation, leaseMs }: SettleRequest): Promise<SettleAnswer> {
    const entry = this.#entry(id)
    const now = this.#now()
    if (entry.kind === 'gone') return entry
    if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }
    if (entry.claim?.id !== claimId) return { kind: 'undecided', forMs: Math.max((entry.claim?.until ?? now) - now, 0) }
    if (entry.claim.inDoubt) {
      entry.claim = undefined
      entry.refusedUntil = now + leaseMs
      return { kind: 'undecided', forMs: leaseMs }
    }
    this.#bury(id, 'refused')
    return { kind: 'ended' }
  }

  async markVerified(id: string, generation: number): Promise<void> {
    const entry = this.#entry(id)
    if (entry.kind === 'live' && entry.state.generation === generation) entry.state = { ...entry.state, verified: true }
  }

  async end(id: string, why: EndReason): Promise<GrantState | undefined> {
    const entry = this.#entry(id)
    if (entry.kind === 'gone') return undefined
    this.#bury(id, why)
    return entry.state
  }

  async check(): Promise<void> {
    // memory is always there
  }

  #entry(id: string): Entry {
    return this.#entries.get(id) ?? { kind: 'gone', why: undefined }
  }

  #bury(id: string, why: EndReason): Gone {
    const tombstone: Gone = { kind: 'gone', why }
    this.#entries.set(id, tombstone, { ttl: this.#tombstoneMs })
    return tombstone
  }
}

function atRest(state: GrantState): Omit<Live, 'kind'> {
  return { state, claim: undefined, intent: undefined, refusedUntil: undefined, backoffUntil: 0 }
}

/** Grants in memory; see {@link MemoryGrantStore}. For one process. */
export function memoryGrants(options: MemoryGrantsOptions = {}): GrantStore {
  return new MemoryGrantStore(options)
}
