import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'

import { startTestApp, type TestApp } from '../support/app.ts'
import { launchChromium, signInAsAlice } from '../support/chromium.ts'

jest.setTimeout(60_000)

// What only a real browser decides: which cookies go along, and what happens between tabs.

let chromium: Browser
beforeAll(async () => {
  chromium = await launchChromium()
})
afterAll(async () => {
  await chromium.close()
})

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

const TABS = Array.from({ length: 10 }, (_, tab) => tab)

describe('ten tabs that sign in at the same time all end signed in, each on its own page', () => {
  test.each([
    ['no cookie yet', false],
    ['a cookie already', true],
  ])(
    'in a browser that the authorization server knows, with %s',
    async (_case, hasCookie) => {
      const { url, context } = await setUp({ issuerHost: 'localhost' })
      const first = await context.newPage()
      await first.goto(`${url}/me`)
      await signInAsAlice(first, new RegExp(`^${url}/me$`))
      await context.clearCookies({ name: 'latchkey' })
      if (hasCookie) await context.request.get(`${url}/login`, { maxRedirects: 0 })
      expect(await context.cookies(url)).toHaveLength(hasCookie ? 1 : 0)

      const tabs = await openTabs(context, url)

      await expectSignedIn(tabs, url)
    },
    60_000,
  )

  test('in a new browser, whose tabs wait at the login page and are finished one after the other', async () => {
    const { url, context } = await setUp({ issuerHost: 'localhost' })

    const tabs = await openTabs(context, url)
    for (const [tab, page] of tabs.entries()) await signInAsAlice(page, new RegExp(`^${url}/me\\?tab=${tab}$`))

    await expectSignedIn(tabs, url)
  })

  async function openTabs(context: BrowserContext, url: string): Promise<Page[]> {
    const tabs = await Promise.all(TABS.map(() => context.newPage()))
    await Promise.all(tabs.map((page, tab) => page.goto(`${url}/me?tab=${tab}`)))
    return tabs
  }

  async function expectSignedIn(tabs: readonly Page[], url: string): Promise<void> {
    expect(tabs.map((page) => page.url())).toEqual(TABS.map((tab) => `${url}/me?tab=${tab}`))
    const texts = await Promise.all(tabs.map((page) => page.textContent('body')))
    expect(texts).toEqual(TABS.map(() => expect.stringContaining('"sub":"alice"')))
  }
})

test('an answer that another site posts (form_post) arrives, although the cookie is SameSite=Lax', async () => {
  const { url, context } = await setUp({ issuerHost: 'localhost', provider: { responseMode: 'form_post' } })
  const page = await context.newPage()
  const posted: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url() === `${url}/callback`) posted.push(request.postData() ?? '')
  })

  await page.goto(`${url}/me`)
  await signInAsAlice(page, new RegExp(`^${url}/me$`))

  expect(await page.textContent('body')).toContain('"sub":"alice"')
  expect(posted).toEqual([expect.stringContaining('code=')])
  expect(await context.cookies(url)).toMatchObject([{ name: 'latchkey', sameSite: 'Lax', httpOnly: true }])
})

async function setUp(given: Parameters<typeof startTestApp>[0]): Promise<TestApp & { context: BrowserContext }> {
  const site = await startTestApp(given)
  cleanups.push(() => site.close())
  const context = await chromium.newContext()
  cleanups.push(() => context.close())
  return { ...site, context }
}
