import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { AuthEvent } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { until } from '../support/until.ts'

const DEADLINE_MS = 2_000
const LEASE_MS = 3_000

describe('refreshing an access token (RFC 6749 §6)', () => {
  let site: TestApp
  let browser: Browser

  beforeEach(async () => {
    site = await startTestApp({
      accessTokenTtlSeconds: 60,
      options: { refresh: { deadlineMs: DEADLINE_MS, leaseMs: LEASE_MS, waitMs: 2_500 } },
    })
    browser = await site.signedIn()
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const orders = (): ReturnType<Browser['get']> => browser.get(`${site.url}/api/orders`)
  const generation = async (): Promise<unknown> => (await browser.get(`${site.url}/grant`)).json()
  const refreshEvents = (): AuthEvent[] => site.events.filter((event) => event.type === 'refresh')

  test('a token that is good is used as it is', async () => {
    await orders()
    await orders()

    expect(refreshes()).toHaveLength(0)
  })

  test('two hundred requests that find it expired cause one refresh and get two hundred answers', async () => {
    site.clock.advance({ seconds: 61 })

    const answers = await Promise.all(Array.from({ length: 200 }, orders))

    expect(answers.map((answer) => answer.status)).toEqual(Array(200).fill(200))
    expect(refreshes()).toHaveLength(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('token after token, with rotation, nobody notices', async () => {
    for (let expiry = 0; expiry < 5; expiry += 1) {
      site.clock.advance({ seconds: 61 })
      expect((await orders()).status).toBe(200)
    }

    expect(await generation()).toMatchObject({ generation: 6, isRefreshable: true })
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('shortly before expiry it is refreshed in the background, and nobody waits', async () => {
    site.clock.advance({ seconds: 56 })
    const release = site.authorizationServer.holdTokenEndpoint()

    const answer = await orders()

    expect(answer.status).toBe(200)
    release()
    await until(() => refreshEvents().length === 1, 'the refresh in the background')
    expect(await generation()).toMatchObject({ generation: 2 })
  })

  test('a client that hangs up does not take the refresh with it', async () => {
    site.clock.advance({ seconds: 61 })
    const release = site.authorizationServer.holdTokenEndpoint()
    const hangUp = new AbortController()
    const call = browser.fetch(`${site.url}/api/orders`, { signal: hangUp.signal }).catch(() => 'hung up')
    await until(() => refreshes().length === 1, 'the token request')

    hangUp.abort()
    expect(await call).toBe('hung up')
    release()

    expect((await orders()).status).toBe(200)
    expect(refreshes()).toHaveLength(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('an access token that the API refuses before its time is replaced, and the request repeated once', async () => {
    site.authorizationServer.expireAccessTokens()

    const answers = await Promise.all(Array.from({ length: 20 }, orders))

    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(200))
    expect(refreshes()).toHaveLength(1)
  })

  describe('when the server is in trouble', () => {
    test('503 with Retry-After for a token that has expired; the session is kept and recovers by itself', async () => {
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.failTokenEndpoint({ status: 503, headers: { 'retry-after': '7' }, body: 'sorry' })

      const refused = await orders()

      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('7')
      site.authorizationServer.failTokenEndpoint(undefined)
      expect((await orders()).status).toBe(503) // it asked for seven seconds
      site.clock.advance({ seconds: 7 })
      expect((await orders()).status).toBe(200)
    })

    test('a token that is still good is used meanwhile', async () => {
      site.clock.advance({ seconds: 56 })
      site.authorizationServer.failTokenEndpoint({ status: 500, body: 'oops' })

      expect((await orders()).status).toBe(200)
      expect((await orders()).status).toBe(200)
    })

    test('so is one with little left, when there is no other to be had', async () => {
      site.clock.advance({ seconds: 59 })
      site.authorizationServer.failTokenEndpoint({ status: 500, body: 'oops' })

      expect((await orders()).status).toBe(200)
      site.clock.advance({ seconds: 2 })
      expect((await orders()).status).toBe(503)
    })

    test('invalid_client is a fault of the configuration: 502, and nobody is signed out', async () => {
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.failTokenEndpoint({ status: 401, body: { error: 'invalid_client' } })

      expect((await orders()).status).toBe(502)

      site.authorizationServer.failTokenEndpoint(undefined)
      site.clock.advance({ seconds: 2 })
      expect((await orders()).status).toBe(200)
      expect(refreshEvents().map((event) => event.type === 'refresh' && event.result)).toEqual(['misconfigured', 'ok'])
    })

    test('slower than the deadline: callers are told to come again, the late answer is stored and used', async () => {
      site.clock.advance({ seconds: 61 })
      const release = site.authorizationServer.holdTokenEndpoint()
      const call = orders()
      await until(() => refreshes().length === 1, 'the token request')

      site.clock.advance({ ms: DEADLINE_MS })
      expect((await call).status).toBe(503)
      release()
      await until(() => refreshEvents().length === 1, 'the late answer')

      expect((await orders()).status).toBe(200)
      expect(refreshes()).toHaveLength(1)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })
  })

  describe('when the grant is over', () => {
    test('a program gets 401 and where to sign in; a person is sent there', async () => {
      site.authorizationServer.revokeEverything()
      site.clock.advance({ seconds: 61 })

      const answer = await orders()

      expect(answer.status).toBe(401)
      expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REVOKED', loginUrl: `${site.url}/login` })
      const page = await browser.navigate(`${site.url}/me`, { redirectLimit: 0 })
      expect(page.headers.get('location')).toBe('/login?returnTo=%2Fme')
    })

    test('an answer that was lost after the rotation costs this sign-in, once, and says so', async () => {
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.dropNextTokenAnswer()
      expect((await orders()).status).toBe(503)

      // Nobody can know whether the token was spent, or when the server decides. After two leases it is presented once more, and refused.
      site.clock.advance({ ms: 2 * LEASE_MS })
      const statuses = [(await orders()).status]
      site.clock.advance({ ms: LEASE_MS })
      statuses.push((await orders()).status)

      expect(statuses).toEqual([503, 401])
      expect(refreshes()).toHaveLength(2)
      expect(refreshEvents()).toMatchObject([
        { result: 'unavailable', inDoubt: false },
        { result: 'unavailable', inDoubt: true },
      ])
    })

    test('sign-out while a refresh is under way: the tokens that come are never used', async () => {
      site.clock.advance({ seconds: 61 })
      const release = site.authorizationServer.holdTokenEndpoint()
      const call = orders()
      await until(() => refreshes().length === 1, 'the token request')

      await browser.post(`${site.url}/logout`, new URLSearchParams())
      release()

      expect((await call).status).toBe(401)
      expect(refreshEvents()).toMatchObject([{ result: 'ended' }])
      expect((await orders()).status).toBe(401)
    })
  })
})
