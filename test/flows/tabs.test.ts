import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { passInteractions, signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

const TABS = 10

/** The authorization server knows alice already, so that every tab comes back by itself. */
async function rememberedBrowser(site: TestApp): Promise<Browser> {
  const browser = await site.signedIn()
  browser.jar.setCookieSync('latchkey=; Max-Age=0; Path=/', site.url)
  return browser
}

describe('several tabs of one browser', () => {
  let site: TestApp
  beforeEach(async () => {
    site = await startTestApp()
  })
  afterEach(async () => {
    await site.close()
  })

  const openTabs = (browser: Browser): ReturnType<Browser['navigate']>[] =>
    Array.from({ length: TABS }, (_, tab) => browser.navigate(`${site.url}/me?tab=${tab}`))

  test('ten that sign in at the same time all end signed in, each on its own page, with no cookie before', async () => {
    const browser = await rememberedBrowser(site)

    const pages = await Promise.all(openTabs(browser))

    expect(pages.map((page) => page.status)).toEqual(Array(TABS).fill(200))
    expect(pages.map((page) => page.url.search)).toEqual(Array.from({ length: TABS }, (_, tab) => `?tab=${tab}`))
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })

  test('ten that sign in at the same time all end signed in, with a cookie before', async () => {
    const browser = await rememberedBrowser(site)
    await browser.navigate(`${site.url}/login`, { redirectLimit: 0 })

    const pages = await Promise.all(openTabs(browser))

    expect(pages.map((page) => page.status)).toEqual(Array(TABS).fill(200))
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })

  test.each([
    ['the first first', (tabs: number[]) => tabs],
    ['the last first', (tabs: number[]) => tabs.toReversed()],
    ['in a mixed order', (tabs: number[]) => [3, 0, 4, 1, 2].map((at) => tabs[at] ?? 0)],
  ])('that wait at the login page may finish in any order: %s', async (_name, order) => {
    const browser = site.browser()
    const waiting = []
    for (let tab = 0; tab < 5; tab += 1) waiting.push(await browser.navigate(`${site.url}/me?tab=${tab}`))

    const ends: string[] = []
    for (const tab of order([0, 1, 2, 3, 4])) {
      const page = waiting[tab]
      if (page !== undefined) ends.push((await passInteractions(browser, page, {})).url.pathname)
    }

    expect(ends).toEqual(Array(5).fill('/me'))
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })

  test("that were opened together by a new browser, and lost each other's cookie, all end signed in", async () => {
    const browser = site.browser()
    const waiting = await Promise.all(openTabs(browser))

    const ends: string[] = []
    for (const page of waiting) ends.push((await passInteractions(browser, page, {})).url.href)

    expect(ends).toEqual(waiting.map((_page, tab) => `${site.url}/me?tab=${tab}`))
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })

  test('more than ten begun at once: the oldest begins again by itself', async () => {
    const browser = site.browser()
    const first = await browser.navigate(`${site.url}/me?tab=first`)
    for (let tab = 0; tab < 11; tab += 1) await browser.navigate(`${site.url}/login`, { redirectLimit: 0 })

    const page = await passInteractions(browser, first, {})

    expect(page.status).toBe(200)
    expect(page.url.href).toBe(`${site.url}/me?tab=first`)
  })

  test.each([
    ['callback', (state: string) => `/callback?${new URLSearchParams({ code: 'any', state }).toString()}`],
    ['resumed sign-in', (state: string) => `/login?${new URLSearchParams({ resume: state }).toString()}`],
  ])('a %s that was sent before the cookie changed leaves the new cookie alone', async (_name, late) => {
    const browser = site.browser()
    const other = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
    const state = new URL(other.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const oldCookie = browser.cookieHeader(site.url)
    await signIn(browser, `${site.url}/me`, {})

    const answer = await site.browser().get(site.url + late(state), {
      headers: { cookie: oldCookie, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    })

    expect(answer.headers.get('location')).toBe('/me')
    expect(answer.setCookie).toEqual([])
  })

  test('a callback that is reloaded or clicked twice ends on the return path', async () => {
    const browser = site.browser()
    const page = await signIn(browser, `${site.url}/me`, {})
    const callback = page.hops.map((hop) => hop.url).find((url) => url.includes('/callback?')) ?? ''
    const before = site.authorizationServer.tokenRequests('authorization_code').length

    const again = await browser.navigate(callback)

    expect(again.url.href).toBe(`${site.url}/me`)
    expect(again.status).toBe(200)
    expect(site.authorizationServer.tokenRequests('authorization_code')).toHaveLength(before)
  })

  test('two clicks that arrive together both end on the return path', async () => {
    const browser = site.browser()
    const toServer = await browser.navigate(`${site.url}/me`)
    const release = site.authorizationServer.holdTokenEndpoint()
    const first = passInteractions(browser, toServer, {})
    const callback = await callbackOf(browser, site)

    const second = browser.navigate(callback)
    release()

    expect((await first).url.pathname).toBe('/me')
    expect((await second).url.pathname).toBe('/me')
  })
})

/** The address of the callback request that waits for the token endpoint. */
async function callbackOf(browser: Browser, site: TestApp): Promise<string> {
  await until(
    () => site.authorizationServer.tokenRequests('authorization_code').some(({ status }) => status === undefined),
    'the code exchange',
  )
  const locations = [...browser.transcript.matchAll(/location: (\S*\/callback\?\S*)/gi)].map((match) => match[1] ?? '')
  return locations.at(-1) ?? ''
}
