import * as z from 'zod'
import { AuthError } from '../errors.ts'
import { positive, readOptions, text, type Same } from '../option-reader.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import { Sealer } from '../sealer.ts'
import type { EndReason, GrantOwner, GrantState } from './grant.ts'
import type { ClaimAnswer, ClaimRequest, CommitAnswer, CommitRequest, Gone, GrantStore, GrantStoreFactory, ReleaseRequest, SettleAnswer, SettleRequest } from './grant-store.ts' // prettier-ignore
import { SCRIPTS, type ScriptName } from './redis-scripts.ts'

export interface RedisGrantsOptions {
  /** Before every key. Default `latchkey:`. */
  prefix?: string | undefined
  /** A grant that was not refreshed for so long is forgotten. Milliseconds, default 30 days. */
  retentionMs?: number | undefined
  /** A tombstone lives so long; more than three leases. Milliseconds, default 10 minutes. */
  tombstoneMs?: number | undefined
}

/** What is needed of an `ioredis` client: standalone, Sentinel or Cluster. */
export interface RedisClient {
  evalsha(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  ping(): Promise<string>
}

const schema = z.strictObject({
  prefix: text().optional(),
  retentionMs: positive('milliseconds').optional(),
  tombstoneMs: positive('milliseconds').optional(),
})

const documented: Same<z.input<typeof schema>, RedisGrantsOptions> = true
void documented

const RECORD_VERSION = '1'

const tokensSchema = z.object({
  accessToken: z.string(),
  tokenType: z.string(),
  refreshToken: z.string().optional(),
  idToken: z.string().optional(),
  scope: z.string().optional(),
  expiresAt: z.number().optional(),
  lifetimeMs: z.number().optional(),
})

/**
 * Grants in Redis 7, shared by any number of processes. The tokens are sealed with keys derived from the application's
 * `secret` and bound to the grant's id; what an operator may look at is in clear.
 *
 * @param redis the application's own client, which it opens and closes.
 */
export function redisGrants(redis: RedisClient, options: RedisGrantsOptions = {}): GrantStoreFactory {
  const {
    prefix = 'latchkey:',
    retentionMs = 30 * 24 * 60 * 60_000,
    tombstoneMs = 10 * 60_000,
  } = readOptions(schema, options, 'redisGrants()')
  return (secrets) => new RedisGrantStore(redis, new Sealer(secrets, 'grant'), { prefix, retentionMs, tombstoneMs })
}

class RedisGrantStore implements GrantStore {
  readonly #redis: RedisClient
  readonly #sealer: Sealer
  readonly #settings: { readonly prefix: string; readonly retentionMs: number; readonly tombstoneMs: number }

  constructor(
    redis: RedisClient,
    sealer: Sealer,
    settings: { prefix: string; retentionMs: number; tombstoneMs: number },
  ) {
    this.#redis = redis
    this.#sealer = sealer
    this.#settings = settings
  }

  async create(id: string, { provider, subject }: GrantOwner, tokens: TokenSet): Promise<void> {
    await this.#run('create', id, provider, subject ?? '', this.#seal(id, tokens), String(tokens.expiresAt ?? ''))
  }

  async read(id: string): Promise<{ kind: 'live'; state: GrantState } | Gone> {
    const answer = await this.#run('read', id)
    return answer.kind === 'gone' ? gone(answer) : { kind: 'live', state: this.#state(id, answer) }
  }

  async claim(id: string, { claimId, generation, leaseMs, whenInDoubt }: ClaimRequest): Promise<ClaimAnswer> {
    const answer = await this.#run('claim', id, claimId, String(generation), String(leaseMs), whenInDoubt)
    switch (answer.kind) {
      case 'gone':
        return gone(answer)
      case 'busy':
      case 'backoff':
        return { kind: answer.kind, forMs: Number(answer.detail) }
      case 'newer':
        return { kind: 'newer', state: this.#state(id, answer) }
      default:
        return { kind: 'claimed', inDoubt: answer.detail === '1', state: this.#state(id, answer) }
    }
  }

  async release(id: string, { claimId, unspent, backoffMs }: ReleaseRequest): Promise<void> {
    await this.#run('release', id, claimId, unspent ? '1' : '0', String(backoffMs))
  }

  async commit(id: string, { generation, tokens, verified }: CommitRequest): Promise<CommitAnswer> {
    const sealed = this.#seal(id, tokens)
    const answer = await this.#run(
      'commit',
      id,
      String(generation),
      sealed,
      String(tokens.expiresAt ?? ''),
      verified ? '1' : '0',
    )
    if (answer.kind === 'gone') return gone(answer)
    return { kind: answer.kind === 'newer' ? 'newer' : 'committed', state: this.#state(id, answer) }
  }

  async settle(id: string, { claimId, generation, leaseMs }: SettleRequest): Promise<SettleAnswer> {
    const answer = await this.#run('settle', id, claimId, String(generation), String(leaseMs))
    switch (answer.kind) {
      case 'gone':
        return gone(answer)
      case 'newer':
        return { kind: 'newer', state: this.#state(id, answer) }
      case 'undecided':
        return { kind: 'undecided', forMs: Number(answer.detail) }
      default:
        return { kind: 'ended' }
    }
  }

  async markVerified(id: string, generation: number): Promise<void> {
    await this.#run('markVerified', id, String(generation))
  }

  async end(id: string, why: EndReason): Promise<GrantState | undefined> {
    const answer = await this.#run('end', id, why)
    return answer.kind === 'gone' ? undefined : this.#state(id, answer)
  }

  async check(): Promise<void> {
    await this.#redis.ping()
  }

  async #run(name: ScriptName, id: string, ...rest: string[]): Promise<Answer> {
    const { lua, sha } = SCRIPTS[name]
    const { prefix, retentionMs, tombstoneMs } = this.#settings
    // The hash tag keeps whatever else belongs to a grant in its slot of a Cluster.
    const args = [`${prefix}grant:{${id}}`, String(retentionMs), String(tombstoneMs), ...rest]
    try {
      return toAnswer(await this.#redis.evalsha(sha, 1, ...args))
    } catch (error) {
      // A new server, one that was failed over to, or SCRIPT FLUSH.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return toAnswer(await this.#redis.eval(lua, 1, ...args))
    }
  }

  #seal(id: string, tokens: TokenSet): string {
    return this.#sealer.seal(JSON.stringify(tokens), id)
  }

  #state(id: string, { record }: Answer): GrantState {
    const [version, generation, provider, subject, sealed, verified, storedAt] = record
    if (version !== RECORD_VERSION) throw unreadable('it was written by another version of this package')
    const opened = this.#sealer.open(sealed, id)
    if (opened === undefined) throw unreadable('none of the secrets opens it')
    return {
      generation: Number(generation),
      provider: provider ?? '',
      subject: subject === '' || subject === null ? undefined : subject,
      tokens: parseTokens(opened),
      verified: verified === '1',
      storedAt: Number(storedAt),
    }
  }
}

interface Answer {
  readonly kind: string
  readonly detail: string | null
  /** `v`, `gen`, `provider`, `subject`, `sealed`, `verified`, `storedAt`. */
  readonly record: readonly (string | null)[]
}

function toAnswer(reply: unknown): Answer {
  const [kind, detail, ...record] = reply as (string | null)[]
  return { kind: kind ?? '', detail: detail ?? null, record }
}

function gone({ detail }: Answer): Gone {
  return { kind: 'gone', why: detail === '' || detail === null ? undefined : (detail as EndReason) }
}

function parseTokens(opened: string): TokenSet {
  const parsed = tokensSchema.safeParse(JSON.parse(opened))
  if (!parsed.success) throw unreadable('what was sealed is no set of tokens')
  return parsed.data
}

function unreadable(why: string): AuthError {
  return new AuthError('ERR_AUTH_RECORD', `a stored grant cannot be read: ${why}`)
}
