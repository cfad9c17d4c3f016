import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import type { RedisClient } from '../../lib/redis.ts'
import { indexKeyOf, keyOf, openGrants } from '../support/redis-grants.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const RETENTION_MS = 1_000_000
const TOMBSTONE_MS = 30_000
const LIMITS = { retentionMs: RETENTION_MS, tombstoneMs: TOMBSTONE_MS }
const OWNER = { provider: 'main', subject: 'alice', sid: 'session at the provider' }
const ALICE = { provider: 'main', subject: 'alice' }
const TOKENS = { accessToken: 'AT', tokenType: 'Bearer', refreshToken: 'RT' }
const SESSION = { id: 'the-session', signedInAt: 0 }

let server: RedisServer
let redis: Redis
let store: GrantStore
let id: string

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.port)
})
afterAll(async () => {
  redis.disconnect()
  await server.close()
})
beforeEach(async () => {
  await redis.flushall()
  store = openGrants(redis, LIMITS)
  id = newGrantId()
  await store.create(id, OWNER, TOKENS, SESSION)
})

/** Redis has its own clock, which no test can set. Everything in it becomes older by as much. */
const GROW_OLDER = `
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  if string.sub(key, -6) == ':until' then
    for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ms, id) end
  end
  if redis.call('TYPE', key).ok == 'hash' and redis.call('HEXISTS', key, 'indexedUntil') == 1 then
    redis.call('HINCRBY', key, 'indexedUntil', -ms)
  end
  local left = redis.call('PTTL', key) - ms
  if left > 0 then redis.call('PEXPIRE', key, string.format('%.0f', left)) else redis.call('DEL', key) end
end
`
const growOlder = async (ms: number): Promise<unknown> => redis.eval(GROW_OLDER, 0, ms)

let claims = 0
async function refresh(of: GrantStore, grant: string): Promise<void> {
  const answer = await of.read(grant)
  if (answer.kind !== 'live') throw new Error('the grant is gone')
  const { generation } = answer.state
  await of.claim(grant, { claimId: `${++claims}`, generation, leaseMs: 1_000, whenInDoubt: 'wait', rideOutMs: 0 })
  expect(await of.commit(grant, { generation, tokens: TOKENS, verified: true })).toMatchObject({ kind: 'committed' })
}

async function keysWithoutEnd(): Promise<string[]> {
  const keys = await redis.keys('*')
  const lives = await Promise.all(keys.map((key) => redis.pttl(key)))
  return keys.filter((_key, at) => lives[at] === -1)
}

describe('what is in Redis expires', () => {
  const claim = { claimId: 'a', generation: 1, leaseMs: 1_000, whenInDoubt: 'wait', rideOutMs: 0 } as const
  const operations: [string, () => Promise<unknown>][] = [
    ['create', async () => store.create(newGrantId(), OWNER, TOKENS, SESSION)],
    ['claim', async () => store.claim(id, claim)],
    ['release', async () => store.claim(id, claim).then(() => store.release(id, { claimId: 'a', unspent: false, failed: true, backoffMs: 5 }))], // prettier-ignore
    ['commit', async () => refresh(store, id)],
    ['settle', async () => store.claim(id, claim).then(() => store.settle(id, { claimId: 'a', generation: 1, leaseMs: 1_000 }))], // prettier-ignore
    ['markVerified', async () => store.markVerified(id, 1)],
    ['bindSession', async () => store.bindSession(id, SESSION)],
    ['end', async () => store.end(id, 'signed-out')],
    ['end of what is not there', async () => store.end(newGrantId(), 'signed-out')],
    ['remember', async () => store.remember('a name', 1_000)],
    ['remember, for no time at all', async () => store.remember('a name', 0)],
    ['find', async () => store.find(ALICE)],
  ]

  test.each(operations)('after %s', async (_name, operation) => {
    await operation()

    expect(await redis.dbsize()).toBeGreaterThan(0)
    expect(await keysWithoutEnd()).toEqual([])
  })

  test.each(operations)('after %s on keys that had lost their end', async (name, operation) => {
    if (name.startsWith('remember') || name === 'find' || name.includes('not there')) return
    await redis.persist(keyOf(id))
    await operation()

    expect(await keysWithoutEnd()).toEqual(name === 'create' ? [keyOf(id)] : [])
  })

  test('a grant that is not refreshed, at the end of its retention; a tombstone, sooner', async () => {
    const left = await redis.pttl(keyOf(id))
    expect(left).toBeGreaterThan(RETENTION_MS - 10_000)
    expect(left).toBeLessThanOrEqual(RETENTION_MS)

    await store.end(id, 'signed-out')
    const tombstone = await redis.pttl(keyOf(id))
    expect(tombstone).toBeGreaterThan(TOMBSTONE_MS - 10_000)
    expect(tombstone).toBeLessThanOrEqual(TOMBSTONE_MS)
  })

  const writing = operations.filter(([name]) => ['claim', 'commit', 'markVerified', 'bindSession'].includes(name))
  test.each(writing)('a grant that was used, its whole retention after %s', async (_name, operation) => {
    await growOlder(0.4 * RETENTION_MS)
    await operation()

    expect(await redis.pttl(keyOf(id))).toBeGreaterThan(RETENTION_MS - 10_000)
  })

  test('a grant whose refresh was long under way, its whole retention after the commit', async () => {
    await store.claim(id, claim)
    await growOlder(0.4 * RETENTION_MS)
    await store.commit(id, { generation: 1, tokens: TOKENS, verified: true })

    expect(await redis.pttl(keyOf(id))).toBeGreaterThan(RETENTION_MS - 10_000)
  })

  test('an index that nobody uses, after its grants', async () => {
    await growOlder(RETENTION_MS)
    expect(await store.read(id)).toEqual({ kind: 'gone', why: undefined })
    expect(await redis.dbsize()).toBe(4)
    await growOlder(RETENTION_MS + TOMBSTONE_MS)

    expect(await redis.dbsize()).toBe(0)
  })

  test('an entry of which the grant is gone, at the next sign-in', async () => {
    const second = newGrantId()
    await growOlder(RETENTION_MS * 1.5)
    await store.create(second, OWNER, TOKENS)
    expect(await store.find(ALICE)).toEqual([id, second])
    await growOlder(RETENTION_MS)
    const third = newGrantId()
    await store.create(third, OWNER, TOKENS)

    expect(await store.find(ALICE)).toEqual([second, third])
    expect(await store.find({ provider: 'main', sid: OWNER.sid })).toEqual([second, third])
  })
})

describe('an index lists a grant as long as it lives', () => {
  const keptAnew = async (): Promise<boolean> =>
    Number(await redis.hget(keyOf(id), 'indexedUntil')) - Date.now() > 1.9 * RETENTION_MS

  test('however long that is, and in the order of the sign-ins', async () => {
    const second = newGrantId()
    await store.create(second, OWNER, TOKENS)
    for (let round = 0; round < 10; round += 1) {
      await growOlder(0.9 * RETENTION_MS)
      await refresh(store, id)
      await until(keptAnew, 'the entry to be renewed')
      await refresh(store, second)
    }

    expect(await store.find(ALICE)).toEqual([id, second])
    expect(await store.find({ provider: 'main', sid: OWNER.sid })).toEqual([id, second])
  })

  test('in that order even when the clock of Redis was set back between them', async () => {
    const inAnHour = (Date.now() + 3_600_000) * 1_000
    await redis.zadd(indexKeyOf('subject', 'main', 'alice'), inAnHour, id)
    const others = [newGrantId(), newGrantId(), newGrantId()]
    for (const other of others) await store.create(other, OWNER, TOKENS)

    expect(await store.find(ALICE)).toEqual([id, ...others])
  })

  test('when a process with a shorter retention enters another one', async () => {
    const hasty = openGrants(redis, { ...LIMITS, retentionMs: RETENTION_MS / 100 })
    await hasty.create(newGrantId(), OWNER, TOKENS)
    await growOlder(0.9 * RETENTION_MS)

    expect(await store.read(id)).toMatchObject({ kind: 'live' })
    expect(await store.find(ALICE)).toContain(id)
  })

  test('while refreshes come often, without asking the index each time', async () => {
    await redis.del(indexKeyOf('subject', 'main', 'alice'))
    await refresh(store, id)
    await redis.ping()

    expect(await store.find(ALICE)).toEqual([])
  })

  test('when the index was out of reach at a refresh: the next refresh makes up for it', async () => {
    const halting = openGrants(withoutIndexes(redis), LIMITS)
    await growOlder(0.9 * RETENTION_MS)
    await refresh(halting, id)
    expect(await store.find(ALICE)).toEqual([id])
    await growOlder(0.9 * RETENTION_MS)
    await refresh(store, id)
    await until(keptAnew, 'the entry to be renewed')
    await growOlder(0.9 * RETENTION_MS)

    expect(await store.read(id)).toMatchObject({ kind: 'live' })
    expect(await store.find(ALICE)).toEqual([id])
  })

  test('when the index stays out of reach: no grant lives where it cannot be found', async () => {
    const halting = openGrants(withoutIndexes(redis), LIMITS)
    let refreshes = 0
    while ((await store.read(id)).kind === 'live') {
      expect(await store.find(ALICE)).toEqual([id])
      await refresh(halting, id)
      refreshes += 1
      await growOlder(0.2 * RETENTION_MS)
    }

    expect(refreshes).toBeGreaterThan(8)
    expect(refreshes).toBeLessThan(12)
  })

  test('when an entry was lost: the next renewal enters it again', async () => {
    await redis.del(indexKeyOf('subject', 'main', 'alice'))
    await growOlder(0.9 * RETENTION_MS)
    await refresh(store, id)
    await until(keptAnew, 'the entry to be renewed')

    expect(await store.find(ALICE)).toEqual([id])
  })

  test('no sign-in is acknowledged that the index does not know', async () => {
    const halting = openGrants(withoutIndexes(redis), LIMITS)
    const other = newGrantId()

    await expect(halting.create(other, OWNER, TOKENS)).rejects.toThrow('out of reach')
    expect(await store.read(other)).toEqual({ kind: 'gone', why: undefined })
  })

  test('a sign-out does not need the index', async () => {
    const halting = openGrants(withoutIndexes(redis), LIMITS)

    expect(await halting.end(id, 'signed-out')).toMatchObject({ state: { tokens: TOKENS } })
    expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
  })
})

/** A Cluster of which the shards that hold the indexes do not answer. */
function withoutIndexes(client: Redis): RedisClient {
  const guarded = async (key: string | undefined, call: () => Promise<unknown>): Promise<unknown> => {
    if (key?.startsWith('latchkey:grant:') !== true) throw new Error('out of reach')
    return call()
  }
  return {
    evalsha: async (sha, count, ...rest) => guarded(rest[0], async () => client.evalsha(sha, count, ...rest)),
    eval: async (lua, count, ...rest) => guarded(rest[0], async () => client.eval(lua, count, ...rest)),
  }
}
