import { createHash, randomBytes } from 'node:crypto'
import type { EndReason, GrantOwner, GrantSession, GrantState, GrantTokens } from './grant.ts'
import type {
  ClaimAnswer, ClaimRequest, CommitAnswer, CommitRequest, Gone, GrantQuery, GrantRecord, GrantStore, GrantStoreContext, ReleaseRequest, SettleAnswer, SettleRequest,
} from './grant-store.ts' // prettier-ignore
import { RedisScripts, type RedisClient, type ReplicaSettings } from './redis-client.ts'
import { gone, parseAnswer, stored, type Answer } from './redis-answer.ts'
import { RedisGrantIndex } from './redis-index.ts'
import { RedisRecordCodec, type StoredGrant } from './redis-record.ts'
import { NAME_SCRIPTS, SCRIPTS, type ScriptName } from './redis-scripts.ts'

const CHECK_MS = 1_000

export interface RedisGrantSettings {
  readonly prefix: string
  readonly retentionMs: number
  readonly tombstoneMs: number
  readonly waitForReplicas: ReplicaSettings | undefined
}

/** Grants in Redis, shared by any number of processes. */
export class RedisGrantStore implements GrantStore {
  readonly #settings: RedisGrantSettings
  readonly #now: () => number
  readonly #scripts: RedisScripts
  readonly #index: RedisGrantIndex
  readonly #codec: RedisRecordCodec
  /** Tells its own claims from those of other processes, whose clocks differ. */
  readonly #writer: string = randomBytes(6).toString('base64url')

  get tombstoneMs(): number {
    return this.#settings.tombstoneMs
  }

  constructor(redis: RedisClient, settings: RedisGrantSettings, context: GrantStoreContext) {
    this.#settings = settings
    this.#now = () => context.now()
    this.#scripts = new RedisScripts(redis, settings.waitForReplicas)
    this.#index = new RedisGrantIndex(this.#scripts, settings)
    this.#codec = new RedisRecordCodec(context.secrets)
  }

  async create(id: string, owner: GrantOwner, tokens: GrantTokens, session?: GrantSession): Promise<void> {
    await this.#index.enter(id, owner)
    await this.#run('create', id, [
      owner.provider,
      owner.subject ?? '',
      owner.sid ?? '',
      this.#codec.sealTokens(id, tokens),
      session === undefined ? '' : this.#codec.sealSession(id, session),
      wholeMs(tokens.expiresAt),
      wholeMs(this.#now()),
    ])
  }

  async read(id: string): Promise<{ kind: 'live'; state: GrantState } | Gone> {
    const askedAt = this.#now()
    const answer = await this.#run('read', id)
    return answer.kind === 'gone' ? gone(answer) : { kind: 'live', state: this.#state(id, answer, askedAt) }
  }

  async inspect(id: string): Promise<({ kind: 'live' } & GrantRecord) | Gone> {
    const askedAt = this.#now()
    const answer = await this.#run('inspect', id)
    return answer.kind === 'gone' ? gone(answer) : { kind: 'live', ...this.#record(id, answer, askedAt) }
  }

  async claim(id: string, request: ClaimRequest): Promise<ClaimAnswer> {
    const { claimId, generation, leaseMs, whenInDoubt, rideOutMs } = request
    const { connection } = this.#scripts
    const askedAt = this.#now()
    const args = [String(generation), wholeMs(leaseMs), whenInDoubt, wholeMs(rideOutMs), this.#writer, wholeMs(askedAt)]
    const answer = await this.#run('claim', id, [claimId, ...args])
    switch (answer.kind) {
      case 'gone':
        return gone(answer)
      case 'busy':
      case 'backoff':
        return { kind: answer.kind, forMs: Number(answer.detail) }
      case 'ended':
        await this.#leaveIndex(id, answer.grant)
        return { kind: 'ended' }
      case 'newer':
        return { kind: 'newer', state: this.#state(id, answer, askedAt) }
      default:
    }
    try {
      const state = this.#state(id, answer, askedAt)
      await this.#scripts.acknowledged(connection)
      return { kind: 'claimed', inDoubt: answer.detail === '1', failures: stored(answer).failures, state }
    } catch (error) {
      // What this process cannot open, another may have the secret for.
      await this.release(id, { claimId, unspent: true, failed: false, backoffMs: 0 }).catch(() => {})
      throw error
    }
  }

  async release(id: string, { claimId, unspent, failed, backoffMs }: ReleaseRequest): Promise<void> {
    await this.#run('release', id, [claimId, flag(unspent), flag(failed), wholeMs(backoffMs)])
  }

  async commit(id: string, { generation, tokens, verified }: CommitRequest): Promise<CommitAnswer> {
    const sealed = this.#codec.sealTokens(id, tokens)
    const { connection } = this.#scripts
    const askedAt = this.#now()
    const args = [sealed, wholeMs(tokens.expiresAt), flag(verified), this.#writer, wholeMs(askedAt)]
    const answer = await this.#run('commit', id, [String(generation), ...args])
    if (answer.kind === 'gone') return gone(answer)
    // Also what is newer: it may be what this process wrote when it asked the first time.
    await this.#scripts.acknowledged(connection)
    if (answer.kind === 'newer') return { kind: 'newer', state: this.#state(id, answer, askedAt) }
    // The tokens are safe; nobody waits for the rest.
    void this.#renew(id, stored(answer), answer.detail === 'index').catch(() => {})
    return { kind: 'committed', state: this.#codec.stateOf(tokens, stored(answer), askedAt) }
  }

  async settle(id: string, { claimId, generation, leaseMs }: SettleRequest): Promise<SettleAnswer> {
    const askedAt = this.#now()
    const answer = await this.#run('settle', id, [claimId, String(generation), wholeMs(leaseMs)])
    switch (answer.kind) {
      case 'gone':
        return gone(answer)
      case 'newer':
        return { kind: 'newer', state: this.#state(id, answer, askedAt) }
      case 'undecided':
        return { kind: 'undecided', forMs: Number(answer.detail) }
      default:
        await this.#leaveIndex(id, answer.grant)
        return { kind: 'ended' }
    }
  }

  async markVerified(id: string, generation: number): Promise<void> {
    await this.#run('markVerified', id, [String(generation)])
  }

  async bindSession(id: string, session: GrantSession): Promise<void> {
    await this.#run('bindSession', id, [this.#codec.sealSession(id, session)])
  }

  /** @throws {AuthError} `ERR_AUTH_RECORD` for what cannot be read; it has ended nonetheless. */
  async end(id: string, why: EndReason): Promise<GrantRecord | undefined> {
    const askedAt = this.#now()
    const answer = await this.#run('end', id, [why])
    if (answer.kind === 'gone') return undefined
    await this.#leaveIndex(id, answer.grant)
    return this.#record(id, answer, askedAt)
  }

  async find(query: GrantQuery): Promise<readonly string[]> {
    return this.#index.find({ subject: undefined, ...query })
  }

  async remember(name: string, forMs: number): Promise<void> {
    await this.#scripts.run(NAME_SCRIPTS.remember, [this.#nameKey(name)], [wholeMs(Math.max(forMs, 1))])
  }

  async isRemembered(name: string): Promise<boolean> {
    return (await this.#scripts.run(NAME_SCRIPTS.isRemembered, [this.#nameKey(name)], [])) === 1
  }

  async check(): Promise<void> {
    // A write, since a Redis that only reads cannot keep anything fresh; another key each time, for a Cluster has several servers.
    await this.remember(`check ${randomBytes(8).toString('base64url')}`, CHECK_MS)
  }

  /** What a refresh brings up to date beside the tokens: the seal of the session, and the entries in the indexes. */
  async #renew(id: string, grant: StoredGrant, isIndexDue: boolean): Promise<void> {
    const { session } = grant
    const resealed = session === undefined ? undefined : this.#codec.resealSession(id, session)
    if (session !== undefined && resealed !== undefined) await this.#run('resealSession', id, [session, resealed])
    if (!isIndexDue) return
    await this.#index.enter(id, grant)
    await this.#run('indexed', id)
  }

  /** The tombstone stands; an entry that stays is forgotten in time. */
  async #leaveIndex(id: string, grant: StoredGrant | undefined): Promise<void> {
    if (grant !== undefined) await this.#index.leave(id, grant).catch(() => {})
  }

  #state(id: string, answer: Answer, askedAt: number): GrantState {
    return this.#codec.state(id, stored(answer), askedAt)
  }

  #record(id: string, answer: Answer, askedAt: number): GrantRecord {
    return { state: this.#state(id, answer, askedAt), session: this.#codec.session(id, stored(answer)) }
  }

  async #run(name: ScriptName, id: string, args: readonly string[] = []): Promise<Answer> {
    const { prefix, retentionMs, tombstoneMs } = this.#settings
    // The hash tag keeps whatever else belongs to a grant in its slot of a Cluster.
    const keys = [`${prefix}grant:{${id}}`]
    return parseAnswer(
      await this.#scripts.run(SCRIPTS[name], keys, [wholeMs(retentionMs), wholeMs(tombstoneMs), ...args]),
    )
  }

  #nameKey(name: string): string {
    return `${this.#settings.prefix}name:{${createHash('sha256').update(name).digest('base64url')}}`
  }
}

function wholeMs(ms: number | undefined): string {
  return ms === undefined ? '' : String(Math.ceil(ms))
}

function flag(value: boolean): string {
  return value ? '1' : '0'
}
