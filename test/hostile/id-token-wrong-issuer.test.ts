import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token of another issuer (OIDC Core §3.1.3.7)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, unknown]>([
    ['another server', 'https://evil.example'],
    ['absent', undefined],
    ['empty', ''],
    ['a number', 1],
  ])('%s: nobody is signed in', async (_what, value) => {
    site.server.script = { claims: { iss: value } }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test.each([
    ['a slash more', (issuer: string) => `${issuer}/`],
    ['upper case', (issuer: string) => issuer.toUpperCase()],
    ['our issuer as a prefix', (issuer: string) => `${issuer}.evil.example`],
  ])('%s: nobody is signed in', async (_what, change) => {
    site.server.script = { claims: { iss: change(site.server.issuer) } }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
