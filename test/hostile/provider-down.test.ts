import { afterEach, describe, expect, test } from '@jest/globals'
import type { Answer } from '../support/browser.ts'
import { startTestApp, type TestApp, type TestAppOptions } from '../support/app.ts'
import { scriptedSites } from '../support/scripted-site.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

const startSite = scriptedSites()

/** "Not now, come again", as a number of seconds. */
function expectTryLater(answer: Answer): void {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(answer.text).toContain('ERR_AUTH_UNAVAILABLE')
}

describe('an authorization server that is down', () => {
  let site: TestApp
  async function start(options: TestAppOptions = {}): Promise<TestApp> {
    site = await startTestApp(options)
    return site
  }
  afterEach(async () => {
    await site.close()
  })

  test('at start: the app works, says so at the sign-in, and recovers by itself', async () => {
    const { url, auth, authorizationServer } = await start()
    await authorizationServer.stop()
    const browser = site.browser()

    await expect(auth.ready()).rejects.toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
    expect(await auth.health()).toMatchObject({ status: 'degraded', provider: 'unreachable' })
    expect((await browser.navigate(url)).status).toBe(200)
    expectTryLater(await browser.navigate(`${url}/me`))
    expect((await browser.get(`${url}/me`)).status).toBe(401)

    await authorizationServer.start()
    expect(await auth.health()).toMatchObject({ status: 'ok' })
    expect((await signIn(browser, `${url}/me`)).status).toBe(200)
  })

  test('at start, with many at the sign-in: each is told, and each is let in afterwards', async () => {
    const { url, authorizationServer } = await start()
    await authorizationServer.stop()
    const browsers = Array.from({ length: 10 }, () => site.browser())

    const pages = await Promise.all(browsers.map((browser) => browser.navigate(`${url}/me`)))

    for (const page of pages) expectTryLater(page)
    await authorizationServer.start()
    const signedIn = await Promise.all(browsers.map((browser) => signIn(browser, `${url}/me`)))
    expect(signedIn.map(({ status }) => status)).toEqual(Array(10).fill(200))
  })

  test('at login: whoever is signed in stays so', async () => {
    const { url, authorizationServer } = await start()
    const browser = await site.signedIn()
    await authorizationServer.stop()

    const begun = await browser.navigate(`${url}/login`, { redirectLimit: 0 })

    expect(begun.status).toBe(303)
    expect((await browser.get(`${url}/me`)).status).toBe(200)
  })

  test('at the callback, in mid-exchange: an error page, and nobody is signed in', async () => {
    const { url, authorizationServer } = await start()
    const browser = site.browser()
    authorizationServer.holdTokenEndpoint()
    const opened = signIn(browser, `${url}/me`)
    await until(() => authorizationServer.tokenRequests().length === 1, 'the token request')

    await authorizationServer.stop()
    const page = await opened

    expect(page.url.pathname).toBe('/callback')
    expectTryLater(page)
    expect((await browser.get(`${url}/me`)).status).toBe(401)
  })

  test('at the callback: reloading the error page signs in when the server is back', async () => {
    const { url, authorizationServer } = await start()
    const browser = site.browser()
    authorizationServer.failTokenEndpoint({ status: 503 })
    const refused = await signIn(browser, `${url}/me`)
    authorizationServer.failTokenEndpoint(undefined)

    const page = await browser.navigate(refused.url)

    expectTryLater(refused)
    expect(page.status).toBe(200)
    expect(page.url.pathname).toBe('/me')
  })

  test('at a refresh: every request is told, nobody is signed out, and it recovers by itself', async () => {
    const { url, clock, authorizationServer } = await start()
    const browser = await site.signedIn()
    await authorizationServer.stop()
    clock.advance({ seconds: 61 })

    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get(`${url}/api/orders`)))

    for (const answer of answers) expectTryLater(answer)
    expect((await browser.get(`${url}/me`)).status).toBe(200)

    await authorizationServer.start()
    clock.advance({ seconds: 2 })
    expect((await browser.get(`${url}/api/orders`)).status).toBe(200)
    expect(authorizationServer.tokenRequests('refresh_token')).toHaveLength(1)
    expect(authorizationServer.reuseAlarms).toBe(0)
  })

  test('at a refresh: a server that is down for long is not asked by every request', async () => {
    const { url, clock, authorizationServer } = await start()
    const browser = await site.signedIn()
    authorizationServer.failTokenEndpoint({ status: 500 })
    clock.advance({ seconds: 61 })

    for (let count = 0; count < 10; count += 1) expectTryLater(await browser.get(`${url}/api/orders`))

    expect(authorizationServer.tokenRequests('refresh_token')).toHaveLength(1)
  })

  test('at a refresh: the pause that it asks for is kept', async () => {
    const { url, clock, authorizationServer } = await start()
    const browser = await site.signedIn()
    authorizationServer.failTokenEndpoint({ status: 429, headers: { 'retry-after': '30' } })
    clock.advance({ seconds: 61 })
    const refused = await browser.get(`${url}/api/orders`)
    authorizationServer.failTokenEndpoint(undefined)

    clock.advance({ seconds: 20 })
    const early = await browser.get(`${url}/api/orders`)
    clock.advance({ seconds: 11 })
    const late = await browser.get(`${url}/api/orders`)

    expect(refused.headers.get('retry-after')).toBe('30')
    expectTryLater(early)
    expect(late.status).toBe(200)
  })

  test('at logout: signed out here all the same', async () => {
    const { url, events, authorizationServer } = await start()
    const browser = await site.signedIn()
    await authorizationServer.stop()

    const answer = await browser.post(`${url}/logout`, new URLSearchParams())

    expect(answer.status).toBe(200)
    expect((await browser.get(`${url}/me`)).status).toBe(401)
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['revocation-failed', 'sign-out']))

    await authorizationServer.start()
    expect((await signIn(browser, `${url}/me`)).status).toBe(200)
  })
})

test('a server that never answers a revocation does not hold a sign-out up for longer than three seconds', async () => {
  const site = await startSite()
  const browser = await site.signedIn()
  site.server.script = { revocationAnswer: () => {} }

  const answer = browser.post(`${site.url}/logout`, new URLSearchParams())
  await until(() => site.server.requests('/revoke').length === 1, 'the revocation')
  site.clock.advance({ seconds: 3 })

  expect((await answer).status).toBe(200)
  expect((await site.me(browser)).status).toBe(401)
  expect(site.events.map(({ type }) => type)).toContain('revocation-failed')
})
