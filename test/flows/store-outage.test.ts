import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants, type AuthEvent, type RefreshOptions } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

const LEASE_MS = 3_000
const STORE_TIMEOUT_MS = 300
const REFRESH = { deadlineMs: 2_000, leaseMs: LEASE_MS, waitMs: 700, storeTimeoutMs: STORE_TIMEOUT_MS }

describe('the grant store goes away', () => {
  let site: TestApp
  /** The way of each instance to the one store: the first and the second may lose it apart. */
  let here: UnreliableStore
  let there: UnreliableStore
  let other: string
  let browser: Browser

  async function start(refresh: RefreshOptions = {}): Promise<void> {
    const clock = new TestClock()
    const grants = memoryGrants({ now: () => clock.now() })
    const sessions = new session.MemoryStore()
    const ways: UnreliableStore[] = []
    site = await startTestApp({
      clock,
      options: () => {
        const way = unreliable(grants)
        ways.push(way)
        return { session: { store: sessions }, grants: way.store, refresh: { ...REFRESH, ...refresh } }
      },
      routes: (app) => void app.get('/token', async (req, res) => void res.send(await req.auth.accessToken())),
    })
    other = await site.another()
    ;[here, there] = ways as [UnreliableStore, UnreliableStore]
    browser = await site.signedIn()
  }
  const away = (): void => [here, there].forEach((way) => way.refuse())
  const back = (): void => [here, there].forEach((way) => way.back())

  beforeEach(() => start())
  afterEach(async () => {
    back()
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const orders = (url = site.url): Promise<Answer> => browser.get(`${url}/api/orders`)
  const token = (url = site.url): Promise<Answer> => browser.get(`${url}/token`)
  const results = (): string[] =>
    site.events
      .filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh')
      .map(({ result }) => result)

  /** The token has expired; one request has claimed it and asked the server; then the store changes, and the server answers. */
  async function answeredWhile(change: () => unknown): Promise<Answer> {
    site.clock.advance({ seconds: 61 })
    const release = site.authorizationServer.holdTokenEndpoint()
    const call = token()
    await until(() => refreshes().length === 1, 'the token request')
    await change()
    release()
    return call
  }

  describe('between the claim and the answer of the server', () => {
    test('those who wait get the new token at once, and it works', async () => {
      const answer = await answeredWhile(away)

      expect(answer.status).toBe(200)
      expect((await orders()).status).toBe(200)
      expect(results()).toEqual(['held'])
    })

    test('this process serves it for two leases and no longer, the others do not know it', async () => {
      const held = await answeredWhile(away)

      expect((await orders(other)).status).toBe(503)
      site.clock.advance({ ms: 2 * LEASE_MS - 2_000 })
      expect((await token()).text).toBe(held.text)
      site.clock.advance({ ms: 2_000 })
      const late = await token()
      expect(late.status).toBe(503)
      expect(late.headers.get('retry-after')).toBe('1')
      expect(refreshes()).toHaveLength(1)
    })

    test('it is stored when the store is back, once, and then all have it', async () => {
      const held = await answeredWhile(away)
      back()
      await until(() => results().length === 2, 'the commit')

      expect((await token()).text).toBe(held.text)
      expect((await token(other)).text).toBe(held.text)
      expect(results()).toEqual(['held', 'ok'])
      expect(refreshes()).toHaveLength(1)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('even after two leases, when nobody else has refreshed', async () => {
      const held = await answeredWhile(away)
      site.clock.advance({ ms: 3 * LEASE_MS })
      back()

      expect((await token()).text).toBe(held.text)
      expect(results()).toEqual(['held', 'ok'])
      expect(refreshes()).toHaveLength(1)
    })

    test('other processes neither refresh nor sign anybody out while this one alone is cut off', async () => {
      await answeredWhile(() => here.refuse())

      const answers = await Promise.all([orders(other), orders(other)])

      expect(answers.map(({ status }) => status)).toEqual([503, 503])
      expect(refreshes()).toHaveLength(1)
      here.back()
      await until(() => results().includes('ok'), 'the commit')
      expect((await orders(other)).status).toBe(200)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('close() stores what is held', async () => {
      const held = await answeredWhile(away)
      let isClosed = false
      const closing = site.auth.close().then(() => (isClosed = true))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(isClosed).toBe(false)

      back()
      await closing

      expect(results()).toEqual(['held', 'ok'])
      expect((await token(other)).text).toBe(held.text)
    })

    test('a sign-out elsewhere wins: what was held is not stored but revoked', async () => {
      const held = await answeredWhile(() => here.refuse())
      await browser.post(`${other}/logout`, new URLSearchParams())
      here.back()
      await until(() => results().length === 2, 'the commit')

      expect(results()).toEqual(['held', 'ended'])
      expect((await orders(other)).status).toBe(401)
      expect((await orders()).status).toBe(401)
      const used = await fetch(`${site.api.url}/orders`, { headers: { authorization: `Bearer ${held.text}` } })
      expect(used.status).toBe(401)
    })

    test('a sign-out at this process, too, wins in the end', async () => {
      const held = await answeredWhile(away)
      const cookie = browser.cookieHeader(site.url)
      await browser.post(`${site.url}/logout`, new URLSearchParams())
      back()
      await until(() => results().length === 2, 'the commit')

      const used = (): Promise<Response> =>
        fetch(`${site.api.url}/orders`, { headers: { authorization: `Bearer ${held.text}` } })
      await until(async () => (await used()).status === 401, 'the revocation')
      expect(await site.auth.grants.forSubject('alice').list()).toEqual([])
      expect((await browser.get(`${other}/token`, { headers: { cookie } })).status).toBe(401)
    })

    test('only the answer to the commit is lost: no second refresh, and it counts as stored', async () => {
      const held = await answeredWhile(() => here.loseAnswersOf('commit'))
      here.back()
      await until(() => results().length === 2, 'the second commit')

      expect(results()).toEqual(['held', 'ok'])
      expect((await token(other)).text).toBe(held.text)
      expect(refreshes()).toHaveLength(1)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })
  })

  describe('and does not answer', () => {
    test('503 with Retry-After, within the time that a store has', async () => {
      const begun = performance.now()
      here.hang()

      const answer = await orders()

      expect(answer.status).toBe(503)
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(answer.setCookie).toEqual([])
      expect(performance.now() - begun).toBeLessThan(STORE_TIMEOUT_MS + 1_500)
    })

    test('a claim that nobody waited for is given back: the next refresh need not wait for its lease', async () => {
      site.clock.advance({ seconds: 61 })
      here.hang('claim', 'release')
      expect((await orders()).status).toBe(503)
      expect(here.calls('claim')).toBe(1)
      here.back()

      expect((await orders(other)).status).toBe(200)
      expect(refreshes()).toHaveLength(1)
      expect(site.events).toContainEqual(expect.objectContaining({ type: 'refresh', result: 'ok', inDoubt: false }))
    })
  })

  describe('before anything was asked', () => {
    test('nobody refreshes without a claim, and nobody is signed out', async () => {
      site.clock.advance({ seconds: 61 })
      away()

      expect((await orders()).status).toBe(503)
      expect(refreshes()).toHaveLength(0)
      back()
      expect((await orders()).status).toBe(200)
    })

    test('without a cache no token is served', async () => {
      expect((await orders()).status).toBe(200)
      away()

      expect((await orders()).status).toBe(503)
    })
  })

  describe('with a local cache', () => {
    beforeEach(async () => {
      await browser.close()
      await site.close()
      await start({ cacheMs: 5_000 })
    })

    test('a token that this process knows is served, not longer than the age of what it knows', async () => {
      expect((await orders()).status).toBe(200)
      away()

      expect((await orders()).status).toBe(200)
      expect((await orders(other)).status).toBe(503)
      site.clock.advance({ seconds: 5 })
      expect((await orders()).status).toBe(503)
    })

    test('one that has expired is not', async () => {
      site.clock.advance({ seconds: 57 })
      expect((await orders()).status).toBe(200)
      await until(() => results().length === 1, 'the refresh in the background')
      site.clock.advance({ seconds: 60 })
      expect((await token()).status).toBe(200)
      away()
      site.clock.advance({ seconds: 4 })

      expect((await orders()).status).toBe(200)
      site.clock.advance({ seconds: 61 })
      expect((await orders()).status).toBe(503)
    })
  })
})
