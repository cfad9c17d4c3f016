import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Cluster, Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { openGrants } from '../support/redis-grants.ts'
import { startRedis, startRedisCluster, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const OWNER = { provider: 'main', subject: 'alice' }
const TOKENS = { accessToken: 'AT', tokenType: 'Bearer', refreshToken: 'RT' }
const CLAIM = { claimId: 'a', generation: 1, leaseMs: 60_000, whenInDoubt: 'wait', rideOutMs: 0 } as const
const COMMIT = { generation: 1, tokens: { ...TOKENS, refreshToken: 'RT2' }, verified: true }
const RELEASE = { claimId: 'a', unspent: true, failed: false, backoffMs: 0 }
const SETTLE = { claimId: 'a', generation: 1, leaseMs: 60_000 }

/** Every operation of the contract, each of which must say so if Redis cannot do it. */
const operations = (store: GrantStore, id: string): Record<string, () => Promise<unknown>> => ({
  create: async () => store.create(newGrantId(), OWNER, TOKENS),
  read: async () => store.read(id),
  inspect: async () => store.inspect(id),
  claim: async () => store.claim(id, CLAIM),
  release: async () => store.release(id, RELEASE),
  commit: async () => store.commit(id, COMMIT),
  settle: async () => store.settle(id, SETTLE),
  markVerified: async () => store.markVerified(id, 1),
  bindSession: async () => store.bindSession(id, { id: 'the-session', signedInAt: 0 }),
  end: async () => store.end(id, 'signed-out'),
  find: async () => store.find(OWNER),
  remember: async () => store.remember('a name', 1_000),
  isRemembered: async () => store.isRemembered('a name'),
  check: async () => store.check(),
})

/** @returns what each operation came to: `done`, or the word that Redis or its client began its refusal with. */
async function outcomes(store: GrantStore, id: string, ...names: readonly string[]): Promise<Record<string, string>> {
  const chosen = Object.entries(operations(store, id)).filter(([name]) => names.length === 0 || names.includes(name))
  const settled = await Promise.allSettled(chosen.map(([, operation]) => operation()))
  return Object.fromEntries(chosen.map(([name], at) => [name, wordOf(settled[at])]))
}

function wordOf(result: PromiseSettledResult<unknown> | undefined): string {
  if (result?.status !== 'rejected') return 'done'
  const { message } = result.reason as Error
  return /\b(OOM|READONLY|LOADING|MOVED|MISCONF)\b/.exec(message)?.[0] ?? message
}

const all = (word: string): Record<string, string> =>
  Object.fromEntries(Object.keys(operations({} as GrantStore, '')).map((name) => [name, word]))

describe('a Redis', () => {
  let server: RedisServer
  let redis: Redis
  let store: GrantStore
  let id: string

  beforeAll(async () => {
    server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0')
    redis = new Redis(server.port, { commandTimeout: 2_000, retryStrategy: () => 20 })
    redis.on('error', () => {}) // the client tells of each attempt to reconnect
  })
  afterAll(async () => {
    redis.disconnect()
    await server.close()
  })
  beforeEach(async () => {
    await redis.flushall()
    store = openGrants(redis)
    id = newGrantId()
    await store.create(id, OWNER, TOKENS)
  })

  test('that forgot its scripts is taught them again', async () => {
    await redis.script('FLUSH')

    expect(await outcomes(store, id)).toEqual(all('done'))
  })

  test('that was restarted under the same client has what it acknowledged', async () => {
    await store.claim(id, CLAIM)
    await server.kill()
    await server.start()

    expect(await store.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'busy' })
    expect(await store.commit(id, COMMIT)).toMatchObject({ kind: 'committed' })
    expect(await store.find(OWNER)).toEqual([id])
  })

  describe('without memory', () => {
    beforeEach(async () => {
      await store.claim(id, CLAIM)
      await redis.config('SET', 'maxmemory-policy', 'noeviction')
      await redis.config('SET', 'maxmemory', '1')
    })
    afterEach(async () => {
      await redis.config('SET', 'maxmemory', '0')
    })

    test('refuses sign-ins and new claims, and changes nothing by it', async () => {
      const other = newGrantId()
      await expect(store.create(other, OWNER, TOKENS)).rejects.toThrow('OOM')
      await store.release(id, RELEASE)
      await expect(store.claim(id, { ...CLAIM, claimId: 'b' })).rejects.toThrow('OOM')
      await expect(store.remember('a name', 1_000)).rejects.toThrow('OOM')
      await expect(store.check()).rejects.toThrow('OOM')
      await redis.config('SET', 'maxmemory', '0')

      expect(await store.read(other)).toEqual({ kind: 'gone', why: undefined })
      expect(await store.claim(id, { ...CLAIM, claimId: 'c' })).toMatchObject({ kind: 'claimed', inDoubt: false })
      expect(await store.isRemembered('a name')).toBe(false)
    })

    test('stores the answer of a refresh that was under way', async () => {
      expect(await store.commit(id, COMMIT)).toMatchObject({ kind: 'committed' })
      expect(await store.read(id)).toMatchObject({ state: { generation: 2, tokens: { refreshToken: 'RT2' } } })
    })

    test('signs out, and leaves a tombstone', async () => {
      expect(await store.end(id, 'signed-out')).toMatchObject({ state: { tokens: TOKENS } })
      expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
    })
  })

  test('that became a read-only replica refuses what writes', async () => {
    const replica = await startRedis()
    const client = new Redis(replica.port)
    await client.call('REPLICAOF', '127.0.0.1', server.port)
    await store.claim(id, CLAIM)
    await until(async () => (await redis.wait(1, 100)) === 1, 'the replica', 30_000)
    const writing = ['create', 'claim', 'release', 'commit', 'settle', 'markVerified', 'bindSession', 'end', 'remember'] // prettier-ignore

    const onReplica = openGrants(client)
    const told = await outcomes(onReplica, id, ...writing)
    client.disconnect()
    await replica.close()

    // Asked again by the same claim, it is told that it holds it already: nothing is written.
    expect(told).toEqual({ ...Object.fromEntries(writing.map((name) => [name, 'READONLY'])), claim: 'done' })
    expect(await store.commit(id, COMMIT)).toMatchObject({ kind: 'committed' })
  })

  test('that hangs is a Redis that does not answer, and nothing is lost when it goes on', async () => {
    const impatient = new Redis(server.port, { commandTimeout: 200 })
    const hanging = openGrants(impatient)
    await hanging.claim(id, CLAIM)
    server.process.kill('SIGSTOP')

    expect(await outcomes(hanging, id, 'create', 'read', 'inspect', 'find', 'commit', 'isRemembered', 'check')).toEqual(
      Object.fromEntries(['create', 'read', 'inspect', 'find', 'commit', 'isRemembered', 'check'].map((name) => [name, 'Command timed out'])), // prettier-ignore
    )
    server.process.kill('SIGCONT')
    // Whether the first one arrived nobody knows: asked again, it is stored once.
    expect(['committed', 'newer']).toContain((await hanging.commit(id, COMMIT)).kind)
    expect(await hanging.read(id)).toMatchObject({ state: { generation: 2, tokens: { refreshToken: 'RT2' } } })
    impatient.disconnect()
  })

  test('that is still loading says so, and then has everything', async () => {
    await redis.eval(`for n = 1, 3000 do redis.call('SET', 'filler' .. n, string.rep('x', 1000), 'PX', 600000) end`, 0)
    await redis.save()
    const slowly = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024']
    await server.kill()
    await server.start('--appendonly', 'no', ...slowly)
    const client = new Redis(server.port, { enableReadyCheck: false })
    const loading = openGrants(client)

    expect(await outcomes(loading, id)).toEqual(all('LOADING'))
    await until(async () => client.ping().then(() => true, () => false), 'the data', 30_000) // prettier-ignore
    expect(await loading.read(id)).toMatchObject({ kind: 'live', state: { tokens: TOKENS } })
    expect(await loading.find(OWNER)).toEqual([id])
    client.disconnect()
  })
})

test('a client that does not know it speaks to one node of a Cluster is told MOVED, never that a grant is gone', async () => {
  const nodes = await startRedisCluster()
  const [port = 0] = nodes.ports
  const cluster = new Cluster([{ host: '127.0.0.1', port }])
  const plain = new Redis(port)
  const known = openGrants(cluster)
  const ids = Array.from({ length: 20 }, newGrantId)
  await Promise.all(ids.map((id) => known.create(id, OWNER, TOKENS)))

  const told = await Promise.all(ids.map(async (id) => (await outcomes(openGrants(plain), id, 'read'))['read']))
  expect(new Set(told)).toEqual(new Set(['done', 'MOVED']))
  expect(await known.find(OWNER)).toHaveLength(20)
  cluster.disconnect()
  plain.disconnect()
  await nodes.close()
})
