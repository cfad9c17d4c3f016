import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

function renameState(response: URLSearchParams): void {
  response.set('State', response.get('state') ?? '')
  response.delete('state')
}

describe('an authorization response without state (RFC 6749 §10.12)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (response: URLSearchParams) => void]>([
    ['absent', (response) => response.delete('state')],
    ['empty', (response) => response.set('state', '')],
    ['under another name', renameState],
  ])('%s: nobody is signed in, the code is not redeemed', async (_what, authorizationResponse) => {
    site.server.script = { authorizationResponse }
    const redeemed = site.server.tokenRequests('authorization_code').length

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test('the sign-in that was under way can still be finished', async () => {
    site.server.script = {}
    const browser = site.browser()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })

    const refused = await browser.navigate(`${site.url}/callback?code=stolen`)
    const finished = await browser.navigate(begun.headers.get('location') ?? '')

    expect(refused.status).toBe(400)
    expect(finished.url.pathname).toBe('/me')
    expect(finished.status).toBe(200)
  })
})
