import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Cluster, Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { redisGrants, type RedisClient } from '../../lib/redis.ts'
import { openGrants } from '../support/redis-grants.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const OWNER = { provider: 'main', subject: 'alice' }
const TOKENS = { accessToken: 'AT', tokenType: 'Bearer', refreshToken: 'RT' }
const CLAIM = { claimId: 'a', generation: 1, leaseMs: 60_000, whenInDoubt: 'wait', rideOutMs: 0 } as const
const COMMIT = { generation: 1, tokens: { ...TOKENS, refreshToken: 'RT2' }, verified: true }

let master: RedisServer
let replica: RedisServer
let redis: Redis
let replicaRedis: Redis

beforeAll(async () => {
  ;[master, replica] = await Promise.all([startRedis('--repl-diskless-sync-delay', '0'), startRedis()])
  redis = new Redis(master.port)
  replicaRedis = new Redis(replica.port)
  await replicaRedis.call('REPLICAOF', '127.0.0.1', master.port)
  await until(async () => (await redis.wait(1, 100)) === 1, 'the replica', 30_000)
}, 60_000)
afterAll(async () => {
  redis.disconnect()
  replicaRedis.disconnect()
  await Promise.all([master.close(), replica.close()])
})

describe('a store that waits for a replica', () => {
  let store: GrantStore
  /** The same, for a replica that does not answer. */
  let impatient: GrantStore
  let id: string
  beforeEach(async () => {
    store = openGrants(redis, { waitForReplicas: { count: 1, timeoutMs: 20_000 } })
    impatient = openGrants(redis, { waitForReplicas: { count: 1, timeoutMs: 100 } })
    id = newGrantId()
    await store.create(id, OWNER, TOKENS)
  })

  test('answers when the replica has the claim, and when it has the new tokens', async () => {
    const onReplica = openGrants(replicaRedis)
    expect(await store.claim(id, CLAIM)).toMatchObject({ kind: 'claimed' })
    expect(await onReplica.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'busy' })
    expect(await store.commit(id, COMMIT)).toMatchObject({ kind: 'committed' })
    expect(await onReplica.read(id)).toMatchObject({ state: { generation: 2 } })
  })

  test('gives a claim back that the replica does not acknowledge: no token is used on the strength of it', async () => {
    replica.process.kill('SIGSTOP')
    await expect(impatient.claim(id, CLAIM)).rejects.toThrow('replicas')
    replica.process.kill('SIGCONT')

    expect(await store.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'claimed', inDoubt: false })
  })

  test('does not call tokens stored that the replica does not acknowledge, and does when it is asked again', async () => {
    await store.claim(id, CLAIM)
    replica.process.kill('SIGSTOP')
    await expect(impatient.commit(id, COMMIT)).rejects.toThrow('replicas')
    await expect(impatient.commit(id, COMMIT)).rejects.toThrow('replicas')
    replica.process.kill('SIGCONT')

    expect(await store.commit(id, COMMIT)).toMatchObject({
      kind: 'newer',
      state: { generation: 2, tokens: { refreshToken: 'RT2' } },
    })
  })

  test('does not take the word of a new connection for what was written to an old one', async () => {
    let stream = 'the first'
    const reconnecting: RedisClient = {
      evalsha: async (sha, count, ...rest) => redis.evalsha(sha, count, ...rest),
      eval: async (lua, count, ...rest) => redis.eval(lua, count, ...rest),
      async wait() {
        stream = 'the second, to a server that has the replicas but not the write'
        return 1
      },
      get stream() {
        return stream
      },
    }
    const failedOver = openGrants(reconnecting, { waitForReplicas: { count: 1, timeoutMs: 100 } })

    await expect(failedOver.claim(id, CLAIM)).rejects.toThrow('replicas')
    expect(await store.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'claimed', inDoubt: false })
  })

  test('does not wait where nothing was written', async () => {
    await store.claim(id, CLAIM)
    replica.process.kill('SIGSTOP')

    expect(await store.read(id)).toMatchObject({ kind: 'live' })
    expect(await store.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'busy' })
    replica.process.kill('SIGCONT')
  })
})

describe('waiting for replicas is refused', () => {
  const waitForReplicas = { count: 1, timeoutMs: 200 }

  test('of a Cluster, where it cannot be aimed at the server that was written to', () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })

    expect(() => redisGrants(cluster, { waitForReplicas })).toThrow(/ERR_AUTH_OPTIONS|Cluster/)
    expect(() => redisGrants(cluster)).not.toThrow()
  })

  test('of a client that cannot', () => {
    const never = async (): Promise<never> => {
      throw new Error('not asked')
    }

    expect(() => redisGrants({ eval: never, evalsha: never }, { waitForReplicas })).toThrow(/wait\(\)/)
  })

  test.each([{ count: 0, timeoutMs: 1 }, { count: 1, timeoutMs: 0 }, { count: 1 }, true])('with %j', (wrong) => {
    expect(() => redisGrants(redis, { waitForReplicas: wrong as never })).toThrow(/waitForReplicas/)
  })
})
