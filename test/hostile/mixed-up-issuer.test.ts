import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an authorization response of another server (RFC 9207, mix-up)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (issuer: string) => string]>([
    ['another issuer', () => 'https://evil.example'],
    ['our issuer with a slash more', (issuer) => `${issuer}/`],
    ['our issuer in capitals', (issuer) => issuer.toUpperCase()],
    ['empty', () => ''],
  ])('%s: nobody is signed in, the code is not sent to our server', async (_what, change) => {
    site.server.script = { authorizationResponse: (response) => response.set('iss', change(site.server.issuer)) }
    const redeemed = site.server.tokenRequests('authorization_code').length

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test('nor is its error believed', async () => {
    site.server.script = {
      authorizationResponse: (response) => {
        response.delete('code')
        response.set('error', 'access_denied')
        response.set('iss', 'https://evil.example')
      },
    }

    const page = await site.signIn(site.browser())

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
  })
})
