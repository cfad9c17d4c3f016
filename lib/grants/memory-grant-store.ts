import type { LRUCache } from 'lru-cache'
import * as z from 'zod'
import { boundedMap } from '../bounded-map.ts'
import { fn, positive, readOptions, type Same } from '../option-reader.ts'
import { systemRuntime } from '../runtime.ts'
import type { EndReason, GrantOwner, GrantSession, GrantState, GrantTokens } from './grant.ts'
import type {
  ClaimAnswer, ClaimRequest, CommitAnswer, CommitRequest, Gone, GrantQuery, GrantRecord, GrantStore, ReleaseRequest, SettleAnswer, SettleRequest,
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

const schema = z.strictObject({
  maxGrants: positive('grants').optional(),
  retentionMs: positive('milliseconds').optional(),
  tombstoneMs: positive('milliseconds').optional(),
  now: fn<() => number>('() => number').optional(),
})

const documented: Same<z.input<typeof schema>, MemoryGrantsOptions> = true
void documented

interface Claim {
  readonly id: string
  readonly until: number
  /** An earlier holder's intent stood when this claim was made. */
  readonly inDoubt: boolean
}

interface Live {
  readonly kind: 'live'
  state: GrantState
  session: GrantSession | undefined
  claim: Claim | undefined
  /** Somebody may be presenting this generation's refresh token, and an answer may come until then. */
  intent: { answerUntil: number } | undefined
  /** This generation's token was refused to a holder in doubt; a late answer is welcome until then. */
  refusedUntil: number | undefined
  backoffUntil: number
  failures: number
}

type Entry = Live | Gone

const MAX_NAMES = 100_000

/**
 * Grants in the memory of one process: nothing to install, lost at a restart, not shared. Each operation runs to its end before
 * the next begins, which is what makes it atomic.
 */
export class MemoryGrantStore implements GrantStore {
  readonly #entries: LRUCache<string, Entry>
  /** Grant ids by end-user and by session at the provider. */
  readonly #index = new Map<string, Set<string>>()
  readonly #names: LRUCache<string, true>
  readonly tombstoneMs: number
  readonly #now: () => number

  constructor(options: MemoryGrantsOptions = {}) {
    this.#now = options.now ?? (() => systemRuntime.now())
    this.tombstoneMs = options.tombstoneMs ?? 10 * 60_000
    const exactly = { ttlResolution: 0, perf: { now: this.#now } } // or it would remember the time for a moment
    this.#entries = boundedMap<Entry>(options.maxGrants ?? 100_000, {
      ttl: options.retentionMs ?? 30 * 24 * 60 * 60_000,
      updateAgeOnGet: true,
      ...exactly,
      dispose: (entry, id, reason) => {
        if (entry.kind === 'live' && reason !== 'set') this.#leaveIndex(id, entry.state)
      },
    })
    this.#names = boundedMap<true>(MAX_NAMES, { ttl: this.tombstoneMs, ...exactly })
  }

  async create(id: string, owner: GrantOwner, tokens: GrantTokens, session?: GrantSession): Promise<void> {
    const state: GrantState = { ...owner, generation: 1, tokens, verified: true, storedAt: this.#now() }
    for (const key of indexKeys(owner)) this.#index.set(key, (this.#index.get(key) ?? new Set()).add(id))
    this.#entries.set(id, { kind: 'live', session, ...atRest(state) })
  }

  async read(id: string): Promise<{ kind: 'live'; state: GrantState } | Gone> {
    const entry = this.#entry(id)
    return entry.kind === 'live' ? { kind: 'live', state: entry.state } : entry
  }

  async inspect(id: string): Promise<({ kind: 'live' } & GrantRecord) | Gone> {
    const entry = this.#entry(id)
    return entry.kind === 'live' ? { kind: 'live', state: entry.state, session: entry.session } : entry
  }

  async claim(
    id: string,
    { claimId, generation, leaseMs, whenInDoubt, rideOutMs }: ClaimRequest,
  ): Promise<ClaimAnswer> {
    const entry = this.#entry(id)
    const now = this.#now()
    if (entry.kind === 'gone') return entry
    if (entry.state.generation > generation) return { kind: 'newer', state: entry.state }

    const { claim, intent, refusedUntil, failures } = entry
    if (claim?.id === claimId) return { kind: 'claimed', state: entry.state, inDoubt: claim.inDoubt, failures }
    if (claim !== undefined && claim.until > now) return { kind: 'busy', forMs: claim.until - now }
    if (refusedUntil !== undefined) {
      if (refusedUntil > now) return { kind: 'busy', forMs: refusedUntil - now }
      this.#bury(id, entry.state, 'refused')
      return { kind: 'ended' }
    }
    if (entry.backoffUntil > now) return { kind: 'backoff', forMs: entry.backoffUntil - now }
    if (intent !== undefined && whenInDoubt === 'wait') {
      const forMs = Math.max(intent.answerUntil - now, rideOutMs)
      if (forMs > 0) return { kind: 'busy', forMs }
    }

    const inDoubt = intent !== undefined
    entry.claim = { id: claimId, until: now + leaseMs, inDoubt }
    entry.intent = { answerUntil: now + 2 * leaseMs }
    return { kind: 'claimed', state: entry.state, inDoubt, failures }
  }

  async release(id: string, { claimId, unspent, failed, backoffMs }: ReleaseRequest): Promise<void> {
    const entry = this.#entry(id)
    if (entry.kind === 'gone' || entry.claim?.id !== claimId) return
    // An intent that stood before this claim is not its own to clear. Nobody holds an answer, so nobody waits for one.
    const intentStands = !unspent || entry.claim.inDoubt
    entry.intent = intentStands ? { answerUntil: 0 } : undefined
    entry.claim = undefined
    entry.backoffUntil = this.#now() + backoffMs
    if (failed) entry.failures += 1
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
    this.#bury(id, entry.state, 'refused')
    return { kind: 'ended' }
  }

  async markVerified(id: string, generation: number): Promise<void> {
    const entry = this.#entry(id)
    if (entry.kind === 'live' && entry.state.generation === generation) entry.state = { ...entry.state, verified: true }
  }

  async bindSession(id: string, session: GrantSession): Promise<void> {
    const entry = this.#entry(id)
    if (entry.kind === 'live') entry.session = session
  }

  async end(id: string, why: EndReason): Promise<GrantRecord | undefined> {
    const entry = this.#entry(id)
    if (entry.kind === 'gone') return undefined
    this.#bury(id, entry.state, why)
    return { state: entry.state, session: entry.session }
  }

  async find(query: GrantQuery): Promise<readonly string[]> {
    const [key = ''] = indexKeys({ subject: undefined, ...query })
    return [...(this.#index.get(key) ?? [])]
  }

  async remember(name: string, forMs: number): Promise<void> {
    this.#names.set(name, true, { ttl: Math.max(forMs, 1) }) // 0 would be for ever
  }

  async isRemembered(name: string): Promise<boolean> {
    return this.#names.has(name)
  }

  async check(): Promise<void> {
    // memory is always there
  }

  #entry(id: string): Entry {
    return this.#entries.get(id) ?? { kind: 'gone', why: undefined }
  }

  #bury(id: string, owner: GrantOwner, why: EndReason): void {
    this.#leaveIndex(id, owner)
    this.#entries.set(id, { kind: 'gone', why }, { ttl: this.tombstoneMs })
  }

  #leaveIndex(id: string, owner: GrantOwner): void {
    for (const key of indexKeys(owner)) {
      const ids = this.#index.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#index.delete(key)
    }
  }
}

function atRest(state: GrantState): Omit<Live, 'kind' | 'session'> {
  return { state, claim: undefined, intent: undefined, refusedUntil: undefined, backoffUntil: 0, failures: 0 }
}

function indexKeys({ provider, subject, sid }: GrantOwner): string[] {
  const keys = [subject !== undefined && ['subject', provider, subject], sid !== undefined && ['sid', provider, sid]]
  return keys.filter((key) => key !== false).map((key) => JSON.stringify(key))
}

/**
 * Grants in memory; see {@link MemoryGrantStore}. For one process.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong and what it must be.
 */
export function memoryGrants(options: MemoryGrantsOptions = {}): GrantStore {
  return new MemoryGrantStore(readOptions(schema, options, 'memoryGrants()'))
}
