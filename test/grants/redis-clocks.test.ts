import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { newGrantId, type GrantTokens } from '../../lib/grants/grant.ts'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { redisGrants } from '../../lib/redis.ts'
import { keyOf, openGrants, SECRET } from '../support/redis-grants.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'

const OWNER = { provider: 'main', subject: 'alice' }
const MINUTES = 60_000
const SKEW_MARGIN_MS = 1_000

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.port)
})
afterAll(async () => {
  redis.disconnect()
  await server.close()
})

function tokensUntil(expiresAt: number): GrantTokens {
  const token = { accessToken: 'AT', tokenType: 'Bearer', expiresAt, lifetimeMs: 10 * MINUTES }
  return { ...token, refreshToken: 'RT', perResource: { one: token, two: { accessToken: 'AT', tokenType: 'Bearer' } } }
}

const claim = async (store: GrantStore, id: string, claimId: string): ReturnType<GrantStore['claim']> =>
  store.claim(id, { claimId, generation: 1, leaseMs: 1_000, whenInDoubt: 'wait', rideOutMs: 0 })

describe.each([
  ['five minutes ahead of', 5 * MINUTES, 0],
  ['five minutes behind', -5 * MINUTES, 0],
  ['ten minutes ahead of', 5 * MINUTES, -5 * MINUTES],
  ['as', 0, 0],
])('a process whose clock shows %s another’s', (_name, writerAheadMs, readerAheadMs) => {
  const open = (): { writer: GrantStore; reader: GrantStore } => ({
    writer: openGrants(redis, { clockAheadMs: writerAheadMs }),
    reader: openGrants(redis, { clockAheadMs: readerAheadMs }),
  })
  const expectLeft = (of: number | undefined, leftMs: number): void => {
    const left = (of ?? 0) - (Date.now() + readerAheadMs)
    expect(left).toBeGreaterThan(leftMs - SKEW_MARGIN_MS)
    expect(left).toBeLessThan(leftMs + SKEW_MARGIN_MS)
  }
  /** What an operator sees: by the clock of the store, which is this machine's. */
  const expectShown = async (id: string): Promise<void> => {
    const shown = Number(await redis.hget(keyOf(id), 'expiresAt'))
    expect(Math.abs(shown - Date.now() - 8 * MINUTES)).toBeLessThan(SKEW_MARGIN_MS)
  }

  test('signs in: the other knows how long the tokens have left, and how old they are', async () => {
    const { writer, reader } = open()
    const id = newGrantId()
    await writer.create(id, OWNER, tokensUntil(Date.now() + writerAheadMs + 8 * MINUTES))

    const answer = await reader.inspect(id)
    if (answer.kind !== 'live') throw new Error('it is gone')
    const { tokens, storedAt } = answer.state
    expectLeft(tokens.expiresAt, 8 * MINUTES)
    expectLeft(tokens.perResource?.['one']?.expiresAt, 8 * MINUTES)
    expect(tokens.perResource?.['two']).toEqual({ accessToken: 'AT', tokenType: 'Bearer' })
    expectLeft(storedAt, 0)
    await expectShown(id)
  })

  test('refreshes: the other knows how long the tokens have left, and the writer its own exactly', async () => {
    const { writer, reader } = open()
    const id = newGrantId()
    await reader.create(id, OWNER, tokensUntil(Date.now() + readerAheadMs))
    await claim(writer, id, 'a')
    const tokens = tokensUntil(Date.now() + writerAheadMs + 8 * MINUTES)

    const committed = await writer.commit(id, { generation: 1, tokens, verified: true })
    expect(committed).toHaveProperty('state.tokens', tokens)
    const own = await writer.read(id)
    expect(own).toHaveProperty('state.tokens', tokens)
    const answer = await claim(reader, id, 'b')
    if (answer.kind !== 'newer') throw new Error('nothing was stored')
    expectLeft(answer.state.tokens.expiresAt, 8 * MINUTES)
    await expectShown(id)
  })

  test('refreshes late, when the other has claimed: it is the clock of the writer that counts', async () => {
    const { writer, reader } = open()
    const id = newGrantId()
    await reader.create(id, OWNER, tokensUntil(Date.now() + readerAheadMs))
    await claim(reader, id, 'a')
    await writer.commit(id, {
      generation: 1,
      tokens: tokensUntil(Date.now() + writerAheadMs + 8 * MINUTES),
      verified: true,
    })

    const answer = await reader.read(id)
    if (answer.kind !== 'live') throw new Error('it is gone')
    expectLeft(answer.state.tokens.expiresAt, 8 * MINUTES)
  })

  test('claims: its lease keeps the other out for its length, and no longer', async () => {
    const { writer, reader } = open()
    const id = newGrantId()
    await writer.create(id, OWNER, tokensUntil(Date.now()))
    await claim(writer, id, 'a')

    const answer = await claim(reader, id, 'b')
    if (answer.kind !== 'busy') throw new Error('two hold one token')
    expect(answer.forMs).toBeGreaterThan(500)
    expect(answer.forMs).toBeLessThanOrEqual(1_000)
  })
})

test('a commit that was long on its way makes no token last longer', async () => {
  let heldUpMs = 0
  const store = redisGrants(redis)({ secrets: [SECRET], now: () => Date.now() - heldUpMs })
  const id = newGrantId()
  await store.create(id, OWNER, tokensUntil(Date.now()))
  await claim(store, id, 'a')
  heldUpMs = 30_000 // it reads its clock when it asks; Redis is told half a minute later
  const expiresAt = Date.now() + 8 * MINUTES
  await store.commit(id, { generation: 1, tokens: tokensUntil(expiresAt), verified: true })

  expect(await openGrants(redis).read(id)).toHaveProperty('state.tokens.expiresAt', expiresAt)
})
