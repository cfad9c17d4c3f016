import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an authorization response with code and error together (RFC 6749 §4.1.2)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (response: URLSearchParams) => void]>([
    ['both', (response) => response.set('error', 'access_denied')],
    ['a code and an empty error', (response) => response.set('error', '')],
    ['neither', (response) => response.delete('code')],
  ])('%s: refused, and the code is not redeemed', async (_what, authorizationResponse) => {
    site.server.script = { authorizationResponse }
    const redeemed = site.server.tokenRequests('authorization_code').length

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_REQUEST')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test.each([
    ['access_denied', 403, 'ERR_AUTH_DENIED'],
    ['login_required', 401, 'ERR_AUTH_REQUIRED'],
    ['temporarily_unavailable', 503, 'ERR_AUTH_UNAVAILABLE'],
    ['invalid_scope', 502, 'ERR_AUTH_MISCONFIGURED'],
    ['<script>alert(1)</script>', 502, 'ERR_AUTH_MISCONFIGURED'],
  ])('an error alone, %s, is told in our words', async (error, status, code) => {
    site.server.script = {
      authorizationResponse: (response) => {
        response.delete('code')
        response.set('error', error)
        response.set('error_description', 'call <b>+1 555 0100</b> to unlock your account')
      },
    }

    const page = await site.signIn(site.browser())

    expect(page.status).toBe(status)
    expect(page.text).toContain(code)
    expect(page.text).not.toContain('555 0100')
    expect(page.text).not.toContain('alert(1)')
  })
})
