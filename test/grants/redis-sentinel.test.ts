import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { openGrants } from '../support/redis-grants.ts'
import { startRedis, startSentinel, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const OWNER = { provider: 'main', subject: 'alice' }
const LEASE_MS = 60_000
const PROMOTED_WITHIN_MS = 20_000

const tokensOf = (generation: number): { accessToken: string; tokenType: string; refreshToken: string } => ({
  accessToken: `AT${generation}`,
  tokenType: 'Bearer',
  refreshToken: `RT${generation}`,
})
const claim = async (store: GrantStore, id: string, claimId: string, generation = 1): ReturnType<GrantStore['claim']> =>
  store.claim(id, { claimId, generation, leaseMs: LEASE_MS, whenInDoubt: 'wait', rideOutMs: 0 })
const commit = async (store: GrantStore, id: string, generation = 1): ReturnType<GrantStore['commit']> =>
  store.commit(id, { generation, tokens: tokensOf(generation + 1), verified: true })

describe('grants in a Redis that Sentinel watches', () => {
  let master: RedisServer
  let replica: RedisServer
  let sentinel: RedisServer
  let redis: Redis
  /** Looks into the replica, whatever it is at the moment. */
  let replicaRedis: Redis

  beforeAll(async () => {
    ;[master, replica] = await Promise.all([startRedis('--repl-diskless-sync-delay', '0'), startRedis()])
    replicaRedis = new Redis(replica.port)
    await replicaRedis.call('REPLICAOF', '127.0.0.1', master.port)
    const masterRedis = new Redis(master.port)
    await until(async () => (await masterRedis.wait(1, 100)) === 1, 'the replica', 30_000)
    masterRedis.disconnect()

    sentinel = await startSentinel('grants', master.port)
    const asked = new Redis(sentinel.port)
    const knowsReplica = async (): Promise<boolean> =>
      String(await asked.call('SENTINEL', 'REPLICAS', 'grants')).includes(String(replica.port))
    await until(knowsReplica, 'Sentinel to know the replica', 30_000)
    asked.disconnect()

    redis = new Redis({
      sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
      name: 'grants',
      sentinelRetryStrategy: () => 50,
      retryStrategy: () => 50,
    })
    redis.on('error', () => {}) // the client tells of each attempt to reconnect
  }, 60_000)
  afterAll(async () => {
    redis.disconnect()
    replicaRedis.disconnect()
    await Promise.all([master, replica, sentinel].map((server) => server.close()))
  })

  test('go on in the promoted replica with the same client, and nothing that was acknowledged is lost', async () => {
    const store = openGrants(redis, { waitForReplicas: { count: 1, timeoutMs: 5_000 } })
    /** For what is left when the master is gone, which has no replica of its own. */
    const alone = openGrants(redis)
    const [refreshed, claimed, ended, next] = [newGrantId(), newGrantId(), newGrantId(), newGrantId()]
    for (const id of [refreshed, claimed, ended, next]) await store.create(id, OWNER, tokensOf(1))
    await store.end(ended, 'signed-out')
    expect(await claim(store, refreshed, 'a')).toMatchObject({ kind: 'claimed', inDoubt: false })
    expect(await commit(store, refreshed)).toMatchObject({ kind: 'committed' })
    expect(await claim(store, claimed, 'a')).toMatchObject({ kind: 'claimed', inDoubt: false })

    await master.kill()
    const promoted = async (): Promise<boolean> => (await replicaRedis.info('replication')).includes('role:master')
    await until(promoted, 'the replica to be promoted', PROMOTED_WITHIN_MS)
    // No server has run these scripts on behalf of this client but the one that is gone.
    await replicaRedis.script('FLUSH')
    const reaches = async (): Promise<boolean> => alone.check().then(() => true, () => false) // prettier-ignore
    await until(reaches, 'the client to find the new master', PROMOTED_WITHIN_MS)

    expect(await alone.read(refreshed)).toMatchObject({ state: { generation: 2, tokens: { refreshToken: 'RT2' } } })
    expect(await claim(alone, claimed, 'b')).toMatchObject({ kind: 'busy' })
    expect(await commit(alone, claimed)).toMatchObject({ kind: 'committed', state: { generation: 2 } })
    expect(await alone.read(ended)).toEqual({ kind: 'gone', why: 'signed-out' })
    expect(await alone.find(OWNER)).toEqual([refreshed, claimed, next])

    expect(await claim(alone, refreshed, 'c', 2)).toMatchObject({ kind: 'claimed', inDoubt: false })
    expect(await commit(alone, refreshed, 2)).toMatchObject({ kind: 'committed', state: { generation: 3 } })
    // What asks for a replica refreshes nothing as long as there is none.
    const careful = openGrants(redis, { waitForReplicas: { count: 1, timeoutMs: 100 } })
    await expect(claim(careful, next, 'a')).rejects.toThrow('replicas')
    expect(await claim(alone, next, 'b')).toMatchObject({ kind: 'claimed', inDoubt: false })
  })
})
