import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser, Page } from '../support/browser.ts'
import { passInteractions } from '../support/sign-in.ts'

describe('sign-ins that are under way', () => {
  const store = new session.MemoryStore()
  let site: TestApp
  beforeEach(async () => {
    site = await startTestApp({ options: { session: { store } } })
  })
  afterEach(async () => {
    await site.close()
    store.clear()
  })

  const begin = (browser: Browser, tab: number): Promise<Page> =>
    browser.navigate(`${site.url}/login?returnTo=/?tab=${tab}`)

  async function remembered(): Promise<string[]> {
    const all = await new Promise((resolve) => store.all((_error, sessions) => resolve(sessions)))
    const corners = Object.values(
      all as Record<string, { latchkey?: { main: { transactions?: { returnPath: string }[] } } }>,
    )
    return corners.flatMap(({ latchkey }) => latchkey?.main.transactions ?? []).map(({ returnPath }) => returnPath)
  }

  test('are remembered in the session, ten of them: the oldest goes', async () => {
    const browser = site.browser()
    for (let tab = 1; tab <= 12; tab += 1) await begin(browser, tab)

    expect(await remembered()).toEqual(Array.from({ length: 10 }, (_, n) => `/?tab=${n + 3}`))
  })

  test('one that had to go begins again by itself when its answer comes', async () => {
    const browser = site.browser()
    const first = await begin(browser, 1)
    for (let tab = 2; tab <= 11; tab += 1) await begin(browser, tab)

    const page = await passInteractions(browser, first)

    expect(page.url.href).toBe(`${site.url}/?tab=1`)
    expect(page.text).toBe('<h1>in</h1>')
    expect(page.hops.map(({ url }) => new URL(url).pathname)).toContain('/login')
  })

  test('are used once', async () => {
    const browser = site.browser()
    await passInteractions(browser, await begin(browser, 1))

    expect(await remembered()).toEqual([])
  })

  test('expire after ten minutes, by our clock', async () => {
    const browser = site.browser()
    const early = await begin(browser, 1)
    site.clock.advance({ seconds: 601 })
    await begin(browser, 2)

    expect(await remembered()).toEqual(['/?tab=2'])
    const page = await passInteractions(browser, early)
    expect(page.status).toBe(400)
    expect(page.text).toContain('This sign-in is no longer valid')
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('survive ten minutes less a second', async () => {
    const browser = site.browser()
    const page = await begin(browser, 1)
    site.clock.advance({ seconds: 599 })

    expect((await passInteractions(browser, page)).text).toBe('<h1>in</h1>')
  })

  test('others that are under way are still there after a sign-in', async () => {
    const browser = site.browser()
    const [first, second] = [await begin(browser, 1), await begin(browser, 2)]
    expect((await passInteractions(browser, second)).url.href).toBe(`${site.url}/?tab=2`)
    expect(await remembered()).toEqual(['/?tab=1'])

    expect((await passInteractions(browser, first)).url.href).toBe(`${site.url}/?tab=1`)
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })
})
