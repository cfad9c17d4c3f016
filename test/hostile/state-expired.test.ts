import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a sign-in that took longer than ten minutes', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('nobody is signed in, the code is not redeemed, and the page offers to begin again', async () => {
    const browser = site.browser()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
    site.clock.advance({ seconds: 601 })

    const page = await browser.navigate(begun.headers.get('location') ?? '')

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect(page.text).toContain('href="/login?returnTo=%2Fme"')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(0)
  })

  test('just under ten minutes is in time', async () => {
    const browser = site.browser()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
    site.clock.advance({ seconds: 590 })

    const page = await browser.navigate(begun.headers.get('location') ?? '')

    expect(page.status).toBe(200)
  })
})
