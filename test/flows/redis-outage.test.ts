import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { Redis } from 'ioredis'
import type { AuthEvent } from '../../lib/index.ts'
import { redisGrants } from '../../lib/redis.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { keyOf } from '../support/redis-grants.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const LEASE_MS = 3_000
const STORE_TIMEOUT_MS = 300

describe('the Redis of the grants stands still', () => {
  let server: RedisServer
  let redis: Redis
  let site: TestApp
  let other: string
  let browser: Browser

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
    const store = new session.MemoryStore()
    site = await startTestApp({
      options: () => ({
        session: { store },
        // The test moves the clock of the processes, and they would take that for a clock that is wrong: Redis has its own.
        grants: ({ secrets }) => redisGrants(redis)({ secrets, now: () => Date.now() }),
        refresh: { deadlineMs: 2_000, leaseMs: LEASE_MS, waitMs: 700, storeTimeoutMs: STORE_TIMEOUT_MS },
      }),
      routes: (app) => void app.get('/token', async (req, res) => void res.send(await req.auth.accessToken())),
    })
    other = await site.another()
    browser = await site.signedIn()
  })
  afterEach(async () => {
    server.process.kill('SIGCONT')
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const token = (url = site.url): Promise<Answer> => browser.get(`${url}/token`)
  const results = (): string[] =>
    site.events
      .filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh')
      .map(({ result }) => result)

  test('between claim and answer: the new token is used at once, stored once, and known to all when it goes on', async () => {
    site.clock.advance({ seconds: 61 })
    const release = site.authorizationServer.holdTokenEndpoint()
    const call = token()
    await until(() => refreshes().length === 1, 'the token request')
    server.process.kill('SIGSTOP')
    release()

    const held = await call
    expect([held.status, (await token(other)).status]).toEqual([200, 503])
    expect((await token()).text).toBe(held.text)
    server.process.kill('SIGCONT')
    await until(() => results().length === 2, 'the commit')

    expect(results()).toEqual(['held', 'ok'])
    expect([(await token()).text, (await token(other)).text]).toEqual([held.text, held.text])
    expect(refreshes()).toHaveLength(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('before the claim: 503 within the time that a store has, and what was asked of it meanwhile does no harm', async () => {
    site.clock.advance({ seconds: 61 })
    server.process.kill('SIGSTOP')
    const begun = performance.now()

    const answers = await Promise.all([token(), token(other)])

    expect(performance.now() - begun).toBeLessThan(STORE_TIMEOUT_MS + 1_500)
    expect(answers.map(({ status }) => status)).toEqual([503, 503])
    server.process.kill('SIGCONT')
    expect([(await token()).status, (await token(other)).status]).toEqual([200, 200])
    expect(refreshes()).toHaveLength(1)
  })

  test('one damaged record keeps nobody from signing out everywhere', async () => {
    const second = await site.signedIn()
    const alice = site.auth.grants.forSubject('alice')
    const [{ id } = { id: '' }] = await alice.list()
    await redis.hset(keyOf(id), 'sealed', 'damaged')

    expect(await alice.list()).toHaveLength(1)
    expect(await alice.endSessions()).toBe(1)

    expect((await second.get(`${site.url}/me`)).status).toBe(401)
    expect((await token()).status).toBe(401)
    expect(await redis.hget(keyOf(id), 'dead')).toBe('signed-out')
    await second.close()
  })

  test('started again empty: those whom it forgot sign in again', async () => {
    await redis.flushall()

    expect((await token()).status).toBe(401)
    expect(refreshes()).toHaveLength(0)
  })
})
