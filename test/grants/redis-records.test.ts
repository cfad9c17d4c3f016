import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { redisGrants, type RedisClient } from '../../lib/redis.ts'
import { indexKeyOf, keyOf, openGrants, SECRET } from '../support/redis-grants.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const OWNER = { provider: 'main', subject: 'alice', sid: 'session at the provider' }
const TOKENS = {
  accessToken: 'the-access-token',
  tokenType: 'Bearer',
  refreshToken: 'the-refresh-token',
  idToken: 'the-id-token',
  refreshParameters: { code_verifier: 'the-code-verifier' },
  perResource: { 'https://one.example': { accessToken: 'the-other-access-token', tokenType: 'Bearer' } },
}
const SESSION = { id: 'the-session-id', signedInAt: Date.UTC(2030, 0, 1), userAgent: 'the-user-agent' }
const CLAIM = { claimId: 'a', generation: 1, leaseMs: 1_000, whenInDoubt: 'wait', rideOutMs: 0 } as const
const COMMIT = { generation: 1, tokens: TOKENS, verified: true }
const UNREADABLE = { code: 'ERR_AUTH_RECORD' }
const NEWER_SECRET = 'a newer secret for the grants of the tests'

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
  store = openGrants(redis)
  id = newGrantId()
  await store.create(id, OWNER, TOKENS, SESSION)
})

describe('a grant in Redis', () => {
  test('shows an operator whose it is and how it stands', async () => {
    await store.claim(id, CLAIM)

    expect(await redis.hgetall(keyOf(id))).toMatchObject({ v: '1', gen: '1', ...OWNER, claim: 'a', claimDoubt: '0' })
  })

  test('shows nobody what it is sealed for', async () => {
    const stored = JSON.stringify(await redis.hgetall(keyOf(id)))

    for (const secret of [
      'the-access-token',
      'the-refresh-token',
      'the-id-token',
      'the-code-verifier',
      'the-session-id',
    ]) {
      expect(stored).not.toContain(secret)
    }
  })

  test('shows no expiry of tokens that are gone', async () => {
    const other = newGrantId()
    await store.create(other, OWNER, { ...TOKENS, expiresAt: Date.now() + 60_000 })
    expect(await redis.hget(keyOf(other), 'expiresAt')).toMatch(/^\d{13}$/)
    await store.claim(other, CLAIM)
    await store.commit(other, COMMIT)

    expect(await redis.hget(keyOf(other), 'expiresAt')).toBeNull()
  })

  test('shows nobody a token or a session, whatever was done with it', async () => {
    await store.claim(id, CLAIM)
    await store.commit(id, COMMIT)
    await store.bindSession(id, SESSION)
    await store.remember('the-user-agent', 1_000)

    const dumped = await everything(redis)
    expect(dumped).toContain('alice')
    expect(dumped).not.toMatch(/the-(access|refresh|id|other)|the-session-id|the-user-agent/)
  })

  test('after its end is a tombstone and nothing else', async () => {
    await store.end(id, 'signed-out')

    const record = await redis.hgetall(keyOf(id))
    expect(record).toEqual({ v: '1', dead: 'signed-out', deadAt: expect.stringMatching(/^\d{13}$/) as unknown })
  })
})

describe('secrets', () => {
  test('of the list all open; the first seals whatever is written', async () => {
    const rotated = openGrants(redis, { secrets: [NEWER_SECRET, SECRET] })
    expect(await rotated.inspect(id)).toMatchObject({ session: SESSION, state: { tokens: TOKENS } })
    await rotated.claim(id, CLAIM)
    await rotated.commit(id, COMMIT)
    await redis.ping() // what follows the commit was sent before this

    const withoutTheOld = openGrants(redis, { secrets: [NEWER_SECRET] })
    expect(await withoutTheOld.inspect(id)).toMatchObject({
      session: SESSION,
      state: { generation: 2, tokens: TOKENS },
    })
    await expect(store.read(id)).rejects.toMatchObject(UNREADABLE)
  })

  test('seal no session anew that another one has replaced meanwhile', async () => {
    const next = { ...SESSION, id: 'the-next-session' }
    const sealedBefore = await field('session')
    let isSealedAnew = false
    // Just before the session is sealed anew, the grant goes to another one.
    const overtaken: RedisClient = {
      async evalsha(_sha, _count, ...rest) {
        if (rest.includes(sealedBefore)) await store.bindSession(id, next)
        throw new Error('NOSCRIPT')
      },
      async eval(lua, count, ...rest) {
        const answer = await redis.eval(lua, count, ...rest)
        if (rest.includes(sealedBefore)) isSealedAnew = true
        return answer
      },
    }
    const rotated = openGrants(overtaken, { secrets: [NEWER_SECRET, SECRET] })
    await rotated.claim(id, CLAIM)
    await rotated.commit(id, COMMIT)
    await until(() => isSealedAnew, 'the session to be sealed anew')

    expect(await rotated.inspect(id)).toMatchObject({ session: next })
  })

  test('that are wrong on one process keep no other from refreshing', async () => {
    const wrong = openGrants(redis, { secrets: ['a secret that never sealed anything here'] })
    await expect(wrong.claim(id, CLAIM)).rejects.toMatchObject(UNREADABLE)

    expect(await store.claim(id, { ...CLAIM, claimId: 'b' })).toMatchObject({ kind: 'claimed', inDoubt: false })
  })
})

type Spoil = (other: string) => Promise<unknown>

const field = async (name: string, of: string = id): Promise<string> => (await redis.hget(keyOf(of), name)) ?? ''

const UNOPENABLE: [string, Spoil][] = [
  ['whose tokens were copied from another grant', async (other) => redis.hset(keyOf(id), 'sealed', await field('sealed', other))], // prettier-ignore
  ['whose tokens are its session', async () => redis.hset(keyOf(id), 'sealed', await field('session'))],
  ['whose tokens were cut short', async () => redis.hset(keyOf(id), 'sealed', (await field('sealed')).slice(0, 60))],
  ['whose tokens are empty', async () => redis.hset(keyOf(id), 'sealed', '')],
  ['whose tokens have a bit flipped', async () => redis.hset(keyOf(id), 'sealed', flipped(await field('sealed')))],
]

const BROKEN: [string, Spoil][] = [
  ['of a later version', async () => redis.hset(keyOf(id), 'v', '2')],
  ['of a later version that ended', async () => redis.hset(keyOf(id), 'v', '2', 'dead', 'signed-out')],
  ['without a version', async () => redis.hdel(keyOf(id), 'v')],
  ['with nothing but a version', async () => redis.multi().del(keyOf(id)).hset(keyOf(id), 'v', '1').exec()],
  ['without tokens', async () => redis.hdel(keyOf(id), 'sealed')],
  ['without a generation', async () => redis.hdel(keyOf(id), 'gen')],
  ['without a provider', async () => redis.hdel(keyOf(id), 'provider')],
  ['without the clock of its writer', async () => redis.hdel(keyOf(id), 'clockOffset')],
  ['with a generation that is no number', async () => redis.hset(keyOf(id), 'gen', 'first')],
  ['with a lease that is no number', async () => redis.hset(keyOf(id), 'claim', 'x', 'claimUntil', 'inf')],
  ['with a lease that does not end', async () => redis.hset(keyOf(id), 'claim', 'x')],
  ['that is a list', async () => redis.multi().del(keyOf(id)).lpush(keyOf(id), 'x').exec()],
  ['that is a text', async () => redis.set(keyOf(id), 'x')],
]

describe('a record', () => {
  let other: string
  beforeEach(async () => {
    other = newGrantId()
    await store.create(other, { ...OWNER, subject: 'mallory' }, TOKENS, { ...SESSION, id: 'another' })
  })

  test.each([
    ...UNOPENABLE,
    ...BROKEN,
    ['copied from another grant', async (from: string) => redis.copy(keyOf(from), keyOf(id), 'REPLACE')],
  ] as [string, Spoil][])('%s is refused with a named error, and is not gone', async (_name, spoil) => {
    await spoil(other)

    await expect(store.read(id)).rejects.toMatchObject(UNREADABLE)
    await expect(store.inspect(id)).rejects.toMatchObject(UNREADABLE)
    await expect(store.claim(id, CLAIM)).rejects.toMatchObject(UNREADABLE)
    expect(await store.find({ provider: 'main', subject: 'alice' })).toEqual([id])
  })

  test.each(BROKEN)('%s is not written to', async (_name, spoil) => {
    await spoil(other)
    const before = await contentOf(redis, keyOf(id))

    await expect(store.claim(id, CLAIM)).rejects.toMatchObject(UNREADABLE)
    await expect(store.release(id, { claimId: 'a', unspent: true, failed: false, backoffMs: 0 })).rejects.toMatchObject(UNREADABLE) // prettier-ignore
    await expect(store.commit(id, COMMIT)).rejects.toMatchObject(UNREADABLE)
    await expect(store.settle(id, { claimId: 'a', generation: 1, leaseMs: 1_000 })).rejects.toMatchObject(UNREADABLE)
    await expect(store.markVerified(id, 1)).rejects.toMatchObject(UNREADABLE)
    await expect(store.bindSession(id, SESSION)).rejects.toMatchObject(UNREADABLE)
    expect(await contentOf(redis, keyOf(id))).toEqual(before)
  })

  test.each([...UNOPENABLE, ...BROKEN])('%s can be ended: that is said, and it has ended', async (_name, spoil) => {
    await spoil(other)

    await expect(store.end(id, 'signed-out')).rejects.toMatchObject(UNREADABLE)

    expect(await store.end(id, 'signed-out')).toBeUndefined()
    expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
  })

  test('whose tokens cannot be opened is made whole by the answer of a refresh that was under way', async () => {
    await store.claim(id, CLAIM)
    await redis.hset(keyOf(id), 'sealed', 'AAAA')

    expect(await store.commit(id, COMMIT)).toMatchObject({ kind: 'committed' })
    expect(await store.read(id)).toMatchObject({ kind: 'live', state: { generation: 2 } })
  })

  test('whose session cannot be opened still gives its tokens to the requests of that session', async () => {
    await redis.hset(keyOf(id), 'session', await field('session', other))

    await expect(store.inspect(id)).rejects.toMatchObject(UNREADABLE)
    expect(await store.read(id)).toMatchObject({ kind: 'live', state: { tokens: TOKENS } })
  })

  test('of an index that is something else is refused with a named error', async () => {
    await redis.set(indexKeyOf('subject', 'main', 'bob'), 'x')
    const bob = { provider: 'main', subject: 'bob' }

    await expect(store.find(bob)).rejects.toMatchObject(UNREADABLE)
    await expect(store.create(newGrantId(), bob, TOKENS)).rejects.toMatchObject(UNREADABLE)
  })

  test('that cannot be read is not quoted', async () => {
    await redis.hset(keyOf(id), 'gen', 'a-secret-by-mistake')
    const error: unknown = await store.read(id).catch((thrown: unknown) => thrown)

    expect(String(error)).not.toContain('a-secret-by-mistake')
  })
})

test('options that are wrong are named', () => {
  expect(() => redisGrants(redis, { prefx: 'x', retentionMs: 0 } as never)).toThrow(
    /retentionMs.*did you mean "prefix"/,
  )
})

function flipped(sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url')
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
  return bytes.toString('base64url')
}

/** All keys and what they hold, as text. */
async function everything(client: Redis): Promise<string> {
  const keys = await client.keys('*')
  return JSON.stringify([keys, await Promise.all(keys.map((key) => contentOf(client, key)))])
}

async function contentOf(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'hash':
      return client.hgetall(key)
    case 'zset':
      return client.zrange(key, '0', '-1')
    case 'list':
      return client.lrange(key, 0, -1)
    default:
      return client.get(key)
  }
}
