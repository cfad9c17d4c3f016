import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { RedisStore } from 'connect-redis'
import { Redis } from 'ioredis'
import { memoryGrants, type LatchkeyOptions } from '../../lib/index.ts'
import { redisGrants } from '../../lib/redis.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

/** Two instances of the application that share their stores, as two processes would. */
describe.each<[string, () => Promise<{ options: () => Partial<LatchkeyOptions>; close: () => Promise<void> }>]>([
  [
    'in memory',
    async () => {
      const options = { session: { store: new MemorySessionStore(() => Date.now()) }, grants: memoryGrants() }
      return { options: () => options, close: async () => {} }
    },
  ],
  [
    'on one Redis',
    async () => {
      const server: RedisServer = await startRedis()
      const redis = new Redis(server.port, { commandTimeout: 1_000 })
      return {
        options: () => ({
          session: { store: new RedisStore({ client: redis }) },
          // The test moves the clock of the processes, and they would take that for a clock that is wrong: Redis has its own.
          grants: ({ secrets }) => redisGrants(redis)({ secrets, now: () => Date.now() }),
        }),
        async close() {
          redis.disconnect()
          await server.close()
        },
      }
    },
  ],
])('signing out at the authorization server itself, with two instances %s', (_where, start) => {
  let stores: Awaited<ReturnType<typeof start>>
  let site: TestApp
  let another: string
  let slow: { arrived: boolean; release: () => void }
  const browsers: Browser[] = []

  beforeAll(async () => {
    stores = await start()
  })
  afterAll(async () => {
    await stores.close()
  })
  beforeEach(async () => {
    site = await startTestApp({
      options: stores.options,
      routes(app) {
        app.get('/slow', async (req, res) => {
          slow.arrived = true
          await new Promise<void>((resolve) => {
            slow.release = resolve
          })
          Object.assign(req.session, { seen: true })
          res.end()
        })
      },
    })
    another = await site.another()
    slow = { arrived: false, release: () => {} }
  })
  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.close()))
    await site.close()
  })

  async function signedIn(login = 'alice', password = 'wonderland'): Promise<Browser> {
    const browser = site.browser()
    browsers.push(browser)
    await signIn(browser, `${site.url}/me`, { login, password })
    return browser
  }

  /** Its own page, which no application sent the end-user to. */
  async function signOutAtServer(browser: Browser): Promise<void> {
    const page = await browser.submitForm(await browser.navigate(`${site.authorizationServer.issuer}/session/end`))
    expect(page.text).toContain('You are signed out')
  }

  async function statuses(browser: Browser, path = '/me'): Promise<number[]> {
    const answers = await Promise.all([site.url, another].map((url) => browser.get(url + path)))
    return answers.map(({ status }) => status)
  }

  test('signs out of the application in that browser, everywhere, and in no other', async () => {
    const [meant, other, bob] = [await signedIn(), await signedIn(), await signedIn('bob', 'builder')]
    expect(await statuses(meant)).toEqual([200, 200])

    await signOutAtServer(meant)

    expect(await statuses(meant)).toEqual([401, 401])
    expect(await statuses(meant, '/api/orders')).toEqual([401, 401])
    expect(await statuses(other)).toEqual([200, 200])
    expect(await statuses(bob, '/api/orders')).toEqual([200, 200])
    expect(site.events.filter(({ type }) => type === 'sign-out')).toHaveLength(1)
    expect(site.events.filter(({ type }) => type === 'logout-token-refused')).toEqual([])
  })

  test('a new sign-in in the same browser is not touched by it', async () => {
    const browser = await signedIn()
    await signOutAtServer(browser)

    await signIn(browser, `${site.url}/me`)
    site.clock.advance({ seconds: 30 })

    expect(await statuses(browser)).toEqual([200, 200])
    expect(await statuses(browser, '/api/orders')).toEqual([200, 200])
  })

  test('a slow request in another instance does not bring the session back', async () => {
    const browser = await signedIn()
    const cookie = browser.cookieHeader(site.url)
    const request = browser.get(`${another}/slow`)
    await until(() => slow.arrived, 'the slow request')

    await signOutAtServer(browser)
    slow.release()
    await request

    expect(await statuses(browser)).toEqual([401, 401])
    expect((await site.browser().get(`${another}/me`, { headers: { cookie } })).status).toBe(401)
  })

  test('a refresh under way in another instance is refused at its end', async () => {
    const browser = await signedIn()
    expect(await statuses(browser, '/api/orders')).toEqual([200, 200])
    site.clock.advance({ seconds: 61 })
    const release = site.authorizationServer.holdTokenEndpoint()
    const call = browser.get(`${another}/api/orders`)
    await until(() => site.authorizationServer.tokenRequests('refresh_token').length === 1, 'the token request')

    await signOutAtServer(browser)
    release()

    expect((await call).status).toBe(401)
    expect(await statuses(browser)).toEqual([401, 401])
  })
})
