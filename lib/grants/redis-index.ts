import { createHash } from 'node:crypto'
import type { GrantOwner } from './grant.ts'
import { script, type RedisScripts } from './redis-client.ts'

/**
 * Which grants an end-user, or one session of theirs at the provider, has. Two sorted sets each, in one slot: the ids in order of the
 * sign-ins, and the ids by when they may be forgotten. An index has a slot of its own in a Cluster, so that it cannot change in one step
 * with a grant. What keeps it complete nevertheless:
 *
 * - an id is entered before its grant is made, and leaves after the grant has ended. What is too much is harmless;
 * - an entry is kept for twice the retention, and the grant's record remembers until when. A refresh that finds half a retention
 *   gone has the entry renewed. If that fails, the next refresh tries again, and the record does not live beyond what was promised.
 */
export class RedisGrantIndex {
  readonly #scripts: RedisScripts
  readonly #prefix: string
  readonly #keepMs: number

  constructor(scripts: RedisScripts, settings: { prefix: string; retentionMs: number; tombstoneMs: number }) {
    this.#scripts = scripts
    this.#prefix = settings.prefix
    // Somewhat more than the record was told, for what passes between the two writes.
    this.#keepMs = 2 * settings.retentionMs + settings.tombstoneMs
  }

  /** Enters the grant, or keeps it entered. */
  async enter(id: string, owner: GrantOwner): Promise<void> {
    await Promise.all(this.#keysOf(owner).map((keys) => this.#scripts.run(ENTER, keys, [id, String(this.#keepMs)])))
  }

  async leave(id: string, owner: GrantOwner): Promise<void> {
    await Promise.all(this.#keysOf(owner).map((keys) => this.#scripts.run(LEAVE, keys, [id])))
  }

  async find(query: GrantOwner): Promise<readonly string[]> {
    const [keys = []] = this.#keysOf(query)
    return (await this.#scripts.run(FIND, keys, [])) as readonly string[]
  }

  #keysOf({ provider, subject, sid }: GrantOwner): string[][] {
    const keys: string[][] = []
    if (subject !== undefined) keys.push(this.#keys('subject', provider, subject))
    if (sid !== undefined) keys.push(this.#keys('sid', provider, sid))
    return keys
  }

  /** Hashed: a subject may be anything, and may be an e-mail address. */
  #keys(kind: 'subject' | 'sid', provider: string, value: string): string[] {
    const key = `${this.#prefix}${kind}:{${createHash('sha256')
      .update(JSON.stringify([provider, value]))
      .digest('base64url')}}`
    return [key, `${key}:until`]
  }
}

const ENTER = script(`
local order, ends, id, keep = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now, micros = time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
local function text(value) return string.format('%.0f', value) end

if not redis.call('ZSCORE', order, id) then
  local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', order, text(math.max(micros, (tonumber(last or '') or 0) + 1)), id)
end
redis.call('ZADD', ends, text(now + keep), id)
local forgotten = redis.call('ZRANGEBYSCORE', ends, '-inf', text(now), 'LIMIT', 0, 1000)
if #forgotten > 0 then
  redis.call('ZREM', order, unpack(forgotten))
  redis.call('ZREM', ends, unpack(forgotten))
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < keep then redis.call('PEXPIRE', key, text(keep)) end
end
return 1
`)

const LEAVE = script(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`)

const FIND = script(`
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)
