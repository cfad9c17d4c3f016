import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token that names nobody (OIDC Core §2)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, unknown]>([
    ['absent', undefined],
    ['empty', ''],
    ['null', null],
    ['a number', 42],
    ['a list', ['alice']],
    ['an object', { name: 'alice' }],
  ])('%s: nobody is signed in', async (_what, value) => {
    site.server.script = { claims: { sub: value } }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
