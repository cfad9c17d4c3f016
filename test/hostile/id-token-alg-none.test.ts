import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

describe('an unsigned ID Token, which the server even lists as supported (RFC 8725 §3.1)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each(['none', 'None', 'NONE', ''])('"alg": "%s" signs nobody in', async (alg) => {
    site.server.script = {
      idToken: (claims) => `${encode({ alg, typ: 'JWT' })}.${encode(claims)}.`,
    }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
