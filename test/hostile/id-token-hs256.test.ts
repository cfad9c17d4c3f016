import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_SECRET } from '../support/app.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token with a MAC, which the server even lists as supported (RFC 8725 §2.1)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('keyed with the client secret: nobody is signed in', async () => {
    site.server.script = {
      idToken: (claims) => site.server.sign(claims, { key: new TextEncoder().encode(CLIENT_SECRET), alg: 'HS256' }),
    }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test('keyed with the public key: nobody is signed in', async () => {
    site.server.script = {
      idToken: (claims) =>
        site.server.sign(claims, { key: new TextEncoder().encode(JSON.stringify(site.server.jwk)), alg: 'HS256' }),
    }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
