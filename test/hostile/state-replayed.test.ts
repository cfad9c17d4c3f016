import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser, Page } from '../support/browser.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const callbackOf = (page: Page): string => page.hops.find(({ url }) => url.includes('/callback?'))?.url ?? ''
const codeIn = (callback: string): string | null => new URL(callback).searchParams.get('code')

/** The address to which the server sends the browser back. */
async function authorizationResponse(browser: Browser, site: ScriptedSite): Promise<string> {
  const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
  const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  return answered.headers.get('location') ?? ''
}

describe('an authorization response that comes twice', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['reloaded', undefined],
    ['opened by a link of ours', '/'],
    ['sent again by another site', 'https://evil.example'],
  ])('%s while signed in: ends on the return path, and the code is not sent again', async (_how, from) => {
    const browser = site.browser()
    const page = await browser.navigate(`${site.url}/login?returnTo=/me%3Ftab%3D2`)
    const redeemed = site.server.tokenRequests('authorization_code').length

    const link = from === undefined ? {} : { from: new URL(from, site.url) }
    const again = await browser.navigate(callbackOf(page), link)

    expect(again.url.href).toBe(`${site.url}/me?tab=2`)
    expect(again.status).toBe(200)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test('after sign-out it signs nobody in: a new sign-in begins, with a code of its own', async () => {
    const browser = site.browser()
    const page = await site.signIn(browser)
    await browser.post(`${site.url}/logout`, new URLSearchParams())
    const redeemed = site.server.tokenRequests('authorization_code').length

    const again = await browser.navigate(callbackOf(page), { redirectLimit: 0 })

    expect(again.status).toBe(303)
    expect(new URL(again.headers.get('location') ?? '', site.url).pathname).toBe('/login')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test('a double click sends the code once', async () => {
    const browser = site.browser()
    const callback = await authorizationResponse(browser, site)
    const redeemed = site.server.tokenRequests('authorization_code').length

    const pages = await Promise.all([browser.navigate(callback), browser.navigate(callback)])

    expect(pages.map(({ url }) => url.pathname)).toEqual(['/me', '/me'])
    expect(
      site.server.requests('/token').filter(({ parameters }) => parameters.get('code') === codeIn(callback)),
    ).toHaveLength(1)
    expect(redeemed).toBeLessThan(site.server.tokenRequests('authorization_code').length)
  })
})
