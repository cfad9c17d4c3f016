import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Cluster, Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { redisGrants } from '../../lib/redis.ts'
import { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from '../support/redis.ts'
import { describeGrantStore, type StoreUnderTest } from './grant-store-contract.ts'

const SECRET = 'a secret for the grants of the tests'
const OWNER = { provider: 'main', subject: 'alice' }
const TOKENS = { accessToken: 'the-access-token', tokenType: 'Bearer', refreshToken: 'the-refresh-token' }

const KEY_OF = (id: string): string => `latchkey:grant:{${id}}`

/**
 * Redis has its own clock, which no test can set. Time passes here by moving every time stamp of the record into the past by as much.
 */
const PASS_TIME = `
local fields = { 'claimUntil', 'intentUntil', 'refusedUntil', 'backoffUntil', 'expiresAt' }
for _, field in ipairs(fields) do
  local value = tonumber(redis.call('HGET', KEYS[1], field) or '')
  if value and value > 0 then redis.call('HSET', KEYS[1], field, string.format('%.0f', value - ARGV[1])) end
end
`

function underTest(client: Redis | Cluster): StoreUnderTest {
  const store = redisGrants(client)([SECRET])
  const known: string[] = []
  const create = store.create.bind(store)
  store.create = async (id, owner, tokens) => {
    known.push(id)
    await create(id, owner, tokens)
  }
  return {
    store,
    now: () => Date.now(),
    async advance(ms) {
      await Promise.all(known.map((id) => client.eval(PASS_TIME, 1, KEY_OF(id), ms)))
    },
  }
}

let server: RedisServer
let redis: Redis
let cluster: RedisCluster
let clusterClient: Cluster

beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startRedisCluster()])
  redis = new Redis(server.port)
  clusterClient = new Cluster(cluster.ports.map((port) => ({ host: '127.0.0.1', port })))
}, 60_000)

afterAll(async () => {
  redis.disconnect()
  clusterClient.disconnect()
  await Promise.all([server.close(), cluster.close()])
})

describeGrantStore('Redis', async () => underTest(redis))
describeGrantStore('Redis Cluster', async () => underTest(clusterClient))

describe('grants in Redis', () => {
  let store: GrantStore
  let id: string
  beforeEach(async () => {
    store = redisGrants(redis)([SECRET])
    id = newGrantId()
    await store.create(id, OWNER, TOKENS)
  })

  test('survive SCRIPT FLUSH', async () => {
    await redis.script('FLUSH')

    expect(await store.read(id)).toMatchObject({ kind: 'live' })
  })

  test('show an operator what they are, and nobody the tokens', async () => {
    const record = await redis.hgetall(KEY_OF(id))

    expect(record).toMatchObject({ v: '1', gen: '1', provider: 'main', subject: 'alice' })
    expect(JSON.stringify(record)).not.toMatch(/the-access-token|the-refresh-token/)
  })

  test('expire when they are not refreshed, and so do tombstones', async () => {
    const short = redisGrants(redis, { retentionMs: 60_000, tombstoneMs: 30_000 })([SECRET])
    await short.create(id, OWNER, TOKENS)
    expect(await redis.pttl(KEY_OF(id))).toBeGreaterThan(50_000)

    await short.end(id, 'signed-out')

    const left = await redis.pttl(KEY_OF(id))
    expect(left).toBeGreaterThan(20_000)
    expect(left).toBeLessThanOrEqual(30_000)
    expect(await redis.hgetall(KEY_OF(id))).toEqual({ v: '1', dead: 'signed-out' })
  })

  test('open with an older secret of the list, and are sealed with the first when they are written again', async () => {
    const rotated = redisGrants(redis)(['a newer secret for the grants of tests', SECRET])
    await rotated.claim(id, { claimId: 'a', generation: 1, leaseMs: 1_000, whenInDoubt: 'wait' })
    await rotated.commit(id, { generation: 1, tokens: TOKENS, verified: true })

    expect(await rotated.read(id)).toMatchObject({ state: { generation: 2 } })
    await expect(store.read(id)).rejects.toMatchObject({ code: 'ERR_AUTH_RECORD' })
  })

  test.each([
    ['copied from another grant', async (other: string) => redis.copy(KEY_OF(other), KEY_OF(id), 'REPLACE')],
    ['cut short', async () => redis.hset(KEY_OF(id), 'sealed', 'AAAA')],
    [
      'with a bit flipped',
      async () => redis.hset(KEY_OF(id), 'sealed', flipped(await redis.hget(KEY_OF(id), 'sealed'))),
    ],
    ['of a later version', async () => redis.hset(KEY_OF(id), 'v', '2')],
    ['without tokens', async () => redis.hdel(KEY_OF(id), 'sealed')],
  ])('a record %s is refused with a named error', async (_name, spoil) => {
    const other = newGrantId()
    await store.create(other, { ...OWNER, subject: 'mallory' }, TOKENS)
    await spoil(other)

    await expect(store.read(id)).rejects.toMatchObject({ code: 'ERR_AUTH_RECORD' })
  })

  test('options that are wrong are named', () => {
    expect(() => redisGrants(redis, { prefx: 'x', retentionMs: 0 } as never)).toThrow(
      /retentionMs.*did you mean "prefix"/,
    )
  })
})

function flipped(sealed: string | null): string {
  const bytes = Buffer.from(sealed ?? '', 'base64url')
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
  return bytes.toString('base64url')
}
