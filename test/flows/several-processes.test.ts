import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { RedisStore } from 'connect-redis'
import { Redis } from 'ioredis'
import { redisGrants } from '../../lib/redis.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

describe('several instances on one Redis', () => {
  let server: RedisServer
  let redis: Redis
  let site: TestApp
  let urls: string[]
  let browser: Browser

  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.port, { commandTimeout: 1_000 })
  })
  afterAll(async () => {
    redis.disconnect()
    await server.close()
  })
  beforeEach(async () => {
    await redis.flushall()
    site = await startTestApp({
      options: () => ({
        session: { store: new RedisStore({ client: redis }) },
        // The test moves the clock of the processes, and they would take that for a clock that is wrong: Redis has its own.
        grants: ({ secrets }) => redisGrants(redis)({ secrets, now: () => Date.now() }),
      }),
      routes: (app) => void app.get('/token', async (req, res) => void res.send(await req.auth.accessToken())),
    })
    urls = [site.url, await site.another(), await site.another(), await site.another()]
    browser = await site.signedIn()
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const valueOf = async (key: string): Promise<unknown> => {
    const type = await redis.type(key)
    if (type === 'hash') return redis.hgetall(key)
    return type === 'zset' ? redis.zrange(key, '0', '-1') : redis.get(key)
  }
  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const everywhere = (path: string, times: number): ReturnType<Browser['get']>[] =>
    Array.from({ length: times }, (_, n) => browser.get(`${urls[n % urls.length] ?? site.url}${path}`))

  test('a sign-in at one is a sign-in at all', async () => {
    const answers = await Promise.all(everywhere('/me', 4))

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200])
  })

  test('two hundred requests that find the token expired cause one refresh among them all', async () => {
    for (let expiry = 1; expiry <= 3; expiry += 1) {
      site.clock.advance({ seconds: 61 })

      const answers = await Promise.all(everywhere('/api/orders', 200))

      expect(answers.map((answer) => answer.status)).toEqual(Array(200).fill(200))
      expect(refreshes()).toHaveLength(expiry)
    }
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('a sign-out at one is seen at once at all', async () => {
    await browser.post(`${site.url}/logout`, new URLSearchParams())

    const answers = await Promise.all(everywhere('/api/orders', 4))

    expect(answers.map((answer) => answer.status)).toEqual([401, 401, 401, 401])
  })

  test('the session that a sign-in leaves behind is forgotten within a minute', async () => {
    const ttls = await Promise.all((await redis.keys('sess:*')).map((key) => redis.ttl(key)))

    expect(ttls.filter((ttl) => ttl <= 60)).toHaveLength(1)
    expect(ttls.filter((ttl) => ttl > 60)).toHaveLength(1)
  })

  test('the access token is nowhere in Redis in clear', async () => {
    const token = (await browser.get(`${site.url}/token`)).text
    const keys = await redis.keys('*')
    const records = await Promise.all(keys.map(async (key) => [key, await valueOf(key)]))

    expect(token.length).toBeGreaterThan(20)
    expect(keys.length).toBeGreaterThan(1)
    expect(JSON.stringify(records)).not.toContain(token)
  })

  test('tokens that come while Redis is away are stored when it is back: none is lost, none presented twice', async () => {
    site.clock.advance({ seconds: 61 })
    const release = site.authorizationServer.holdTokenEndpoint()
    const call = browser.get(`${site.url}/api/orders`)
    await until(() => refreshes().length === 1, 'the token request')
    server.process.kill('SIGSTOP')
    release()
    await until(() => site.authorizationServer.tokenRequests('refresh_token')[0]?.status === 200, 'the tokens')
    // Its client gives up on each command after a second, and the commit is tried again.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    server.process.kill('SIGCONT')
    await call

    const answers = await Promise.all(everywhere('/api/orders', 4))

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200])
    expect(refreshes()).toHaveLength(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('while Redis does not answer: 503 with Retry-After; nobody is signed out, and it comes back by itself', async () => {
    server.process.kill('SIGSTOP')
    const during = await Promise.all(everywhere('/api/orders', 4))
    server.process.kill('SIGCONT')

    expect(during.map((answer) => answer.status)).toEqual([503, 503, 503, 503])
    expect(during[0]?.headers.get('retry-after')).toBe('1')
    expect(during[0]?.setCookie).toEqual([])
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })
})
