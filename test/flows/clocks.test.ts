import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { Redis } from 'ioredis'
import { redisGrants } from '../../lib/redis.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const TTL_SECONDS = 4

describe('two processes on one Redis, one of them with a clock that is five minutes', () => {
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

  describe.each([
    ['ahead', 300],
    ['behind', -300],
  ])('%s', (_how, seconds) => {
    let site: TestApp
    let wrong: TestClock
    let other: string
    let browser: Browser

    beforeEach(async () => {
      await redis.flushall()
      const store = new session.MemoryStore()
      wrong = new TestClock()
      wrong.advance({ seconds })
      site = await startTestApp({
        accessTokenTtlSeconds: TTL_SECONDS,
        options: {
          session: { store },
          grants: redisGrants(redis),
          refresh: { deadlineMs: 2_000, leaseMs: 3_000, waitMs: 1_000 },
        },
      })
      other = await site.another(wrong)
      browser = await site.signedIn()
    })
    afterEach(async () => {
      await browser.close()
      await site.close()
    })

    const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
    const orders = (url: string): Promise<Answer> => browser.get(`${url}/api/orders`)
    /** How long the token is good, as each of them sees it. Milliseconds. */
    const leftMs = async (): Promise<readonly number[]> => {
      const seen = [
        [site.url, site.clock],
        [other, wrong],
      ] as const
      return Promise.all(
        seen.map(async ([url, clock]) => {
          const { expiresAt } = (await browser.get(`${url}/grant`)).json() as { expiresAt: number }
          return expiresAt - clock.now()
        }),
      )
    }

    test.each(['the one', 'the other'])('both take a token for good as long as it is, that %s got', async (which) => {
      const holder = which === 'the one' ? site.url : other
      site.authorizationServer.expireAccessTokens() // refused, so refreshed
      const askedAt = performance.now()
      expect((await orders(holder)).status).toBe(200)

      const left = await leftMs()

      for (const ms of left) {
        expect(ms).toBeLessThanOrEqual(TTL_SECONDS * 1_000)
        expect(ms).toBeGreaterThan(TTL_SECONDS * 1_000 - (performance.now() - askedAt) - 1_000)
      }
      const before = refreshes().length
      expect([(await orders(site.url)).status, (await orders(other)).status]).toEqual([200, 200])
      expect(refreshes()).toHaveLength(before)
    })

    test('when it has expired they refresh it once between them', async () => {
      await new Promise((resolve) => setTimeout(resolve, TTL_SECONDS * 1_000))

      const answers = await Promise.all([0, 1, 2, 3].map((n) => orders(n % 2 === 0 ? other : site.url)))

      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      expect(refreshes()).toHaveLength(1)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('a lease holds for both', async () => {
      for (const [holder, waiter] of [
        [site.url, other],
        [other, site.url],
      ] as const) {
        site.authorizationServer.expireAccessTokens()
        const before = refreshes().length
        const release = site.authorizationServer.holdTokenEndpoint()
        const call = orders(holder)
        await until(() => refreshes().length === before + 1, 'the token request')

        // Nothing better can be had within its time: come again.
        expect((await orders(waiter)).status).toBe(503)
        expect(refreshes()).toHaveLength(before + 1)
        release()
        await call
        await until(() => site.events.filter(({ type }) => type === 'refresh').length === before + 1, 'the tokens')

        expect([(await orders(holder)).status, (await orders(waiter)).status]).toEqual([200, 200])
        expect(refreshes()).toHaveLength(before + 1)
        await new Promise((resolve) => setTimeout(resolve, 2_100)) // a replacement is not itself replaced at once
      }
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })
  })
})
