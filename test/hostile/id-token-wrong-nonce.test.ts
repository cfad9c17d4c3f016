import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token with the nonce of another sign-in (OIDC Core §3.1.2.1)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, unknown]>([
    ['another value', 'n-0S6_WzA2Mj'],
    ['empty', ''],
    ['null', null],
    ['a list', ['n-0S6_WzA2Mj']],
  ])('%s: nobody is signed in', async (_what, value) => {
    site.server.script = { claims: { nonce: value } }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
