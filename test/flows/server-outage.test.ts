import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants, type GrantStore } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

const DEADLINE_MS = 2_000
const LEASE_MS = 3_000

describe('the authorization server gives no usable answer', () => {
  let site: TestApp
  let grants: GrantStore
  let other: string
  let browsers: Browser[]

  /** Each browser has a grant of its own. */
  async function start(count: number): Promise<void> {
    browsers = []
    for (let n = 0; n < count; n += 1) browsers.push(await site.signedIn())
  }

  beforeEach(async () => {
    const clock = new TestClock()
    const store = new session.MemoryStore()
    grants = memoryGrants({ now: () => clock.now() })
    site = await startTestApp({
      clock,
      options: {
        session: { store },
        grants,
        refresh: { deadlineMs: DEADLINE_MS, leaseMs: LEASE_MS, waitMs: 2_500 },
      },
    })
    other = await site.another()
  })
  afterEach(async () => {
    await Promise.all(browsers.map((browser) => browser.close()))
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const orders = (n = 0, url = site.url): Promise<Answer> => (browsers[n] as Browser).get(`${url}/api/orders`)
  const retryAfter = (answer: Answer): number => Number(answer.headers.get('retry-after'))

  describe('for many grants', () => {
    beforeEach(async () => {
      await start(8)
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.failTokenEndpoint({ status: 500, body: 'oops' })
      for (let n = 0; n < 5; n += 1) await orders(n)
    })

    test('after five failures the others are answered at once, and the server is left alone', async () => {
      const answers = [await orders(5), await orders(6)]

      expect(answers.map(({ status }) => status)).toEqual([503, 503])
      expect(answers.map(retryAfter)).toEqual([1, 1])
      expect(refreshes()).toHaveLength(5)
    })

    test('after a pause one tries it, and its failure is not repeated by the others', async () => {
      site.clock.advance({ seconds: 1 })

      const answers = await Promise.all([orders(5), orders(6), orders(7)])

      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503])
      expect(refreshes()).toHaveLength(6)
    })

    test('when that one succeeds the others follow', async () => {
      site.authorizationServer.failTokenEndpoint(undefined)
      site.clock.advance({ seconds: 1 })

      expect((await orders(5)).status).toBe(200)
      expect((await Promise.all([orders(6), orders(7)])).map(({ status }) => status)).toEqual([200, 200])
    })

    test('tokens that another process could get are used meanwhile', async () => {
      site.authorizationServer.failTokenEndpoint(undefined)

      expect((await orders(6, other)).status).toBe(200)
      expect((await orders(6)).status).toBe(200)
      expect((await orders(7)).status).toBe(503)
    })
  })

  describe('for one grant', () => {
    beforeEach(() => start(1))

    test('all processes keep the same pause, which grows with the failures and is drawn by lot', async () => {
      const [id = ''] = await grants.find({ provider: 'main', subject: 'alice' })
      const pauseMs = async (): Promise<number> => {
        const probe = { claimId: 'probe', generation: 1, leaseMs: 1, whenInDoubt: 'wait', rideOutMs: 0 } as const
        const answer = await grants.claim(id, probe)
        return answer.kind === 'backoff' ? answer.forMs : 0
      }
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.failTokenEndpoint({ status: 502, body: '<h1>Bad Gateway</h1>' })
      const pauses: number[] = []
      for (let failures = 1; failures <= 7; failures += 1) {
        await orders(0, failures % 2 === 0 ? other : site.url)
        expect(refreshes()).toHaveLength(failures)
        pauses.push(await pauseMs())

        const meanwhile = [await orders(0, site.url), await orders(0, other)]

        expect(meanwhile.map(({ status }) => status)).toEqual([503, 503])
        expect(refreshes()).toHaveLength(failures)
        site.clock.advance({ ms: pauses.at(-1) ?? 0 })
      }
      pauses.forEach((ms, n) => {
        expect(ms).toBeGreaterThan(200)
        expect(ms).toBeLessThanOrEqual(Math.min(1_000 * 2 ** n, 60_000))
      })
      expect(Math.max(...pauses)).toBeGreaterThan(2_000)
      expect(new Set(pauses).size).toBeGreaterThan(1)
    })

    test('a token that is good is served, one that has expired is 503 and never 401', async () => {
      site.authorizationServer.failTokenEndpoint({ status: 500, body: 'oops' })
      site.clock.advance({ seconds: 56 })
      expect((await orders()).status).toBe(200)

      site.clock.advance({ seconds: 5 })
      const answer = await orders()

      expect(answer.status).toBe(503)
      expect(retryAfter(answer)).toBeGreaterThan(0)
      expect(answer.setCookie).toEqual([])
    })

    test('429 with Retry-After holds for this grant in every process, and for nobody else', async () => {
      const [first] = browsers
      await start(2)
      browsers.push(first as Browser)
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.failTokenEndpoint({ status: 429, headers: { 'retry-after': '20' } })
      const limited = await orders(0)
      site.authorizationServer.failTokenEndpoint(undefined)

      expect([limited.status, retryAfter(limited)]).toEqual([503, 20])
      expect([(await orders(1)).status, (await orders(0, other)).status]).toEqual([200, 503])
      expect(refreshes()).toHaveLength(2)
      site.clock.advance({ seconds: 20 })
      expect([(await orders(0)).status, (await orders(1)).status]).toEqual([200, 200])
    })

    test('slower than the deadline, five times: those who come then do not wait for it', async () => {
      const [first] = browsers
      await start(6)
      browsers.push(first as Browser)
      site.clock.advance({ seconds: 61 })
      const release = site.authorizationServer.holdTokenEndpoint()
      const slow = Array.from({ length: 5 }, (_, n) => orders(n))
      await until(() => refreshes().length === 5, 'the token requests')
      site.clock.advance({ ms: DEADLINE_MS })
      expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(Array(5).fill(503))

      expect((await orders(5)).status).toBe(503)
      expect(refreshes()).toHaveLength(5)

      // The late answers are stored and prove that it is back.
      release()
      const stored = (): number =>
        site.events.filter((event) => event.type === 'refresh' && event.result === 'ok').length
      await until(() => stored() === 5, 'the late answers')
      expect((await Promise.all([0, 1, 2, 3, 4, 5].map((n) => orders(n)))).map(({ status }) => status)).toEqual(
        Array(6).fill(200),
      )
      expect(refreshes()).toHaveLength(6)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('off the network: 503, nobody is signed out, and it goes on by itself', async () => {
      site.clock.advance({ seconds: 61 })
      await site.authorizationServer.stop()
      expect((await orders()).status).toBe(503)
      await site.authorizationServer.start()
      site.clock.advance({ seconds: 1 })

      expect((await orders()).status).toBe(200)
    })
  })
})
