import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { generateKeyPair } from 'jose'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe("an ID Token whose signature is not the server's (OIDC Core §3.1.3.7)", () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('signed by another key under the right key id: nobody is signed in', async () => {
    const { privateKey } = await generateKeyPair('RS256')
    site.server.script = { idToken: (claims) => site.server.sign(claims, { key: privateKey }) }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test('claims changed after signing: nobody is signed in', async () => {
    site.server.script = {
      idToken: async (claims) => {
        const [header, , signature] = (await site.server.sign(claims)).split('.')
        const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'mallory' })).toString('base64url')
        return `${header}.${forged}.${signature}`
      },
    }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test.each([
    ['no signature at all', ''],
    ['one that is much too short', 'AAAA'],
  ])('%s: nobody is signed in', async (_what, signature) => {
    site.server.script = {
      idToken: async (claims) => [...(await site.server.sign(claims)).split('.').slice(0, 2), signature].join('.'),
    }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
