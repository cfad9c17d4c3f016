import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token signed by a key that the server does not publish', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('nobody is signed in while the server keeps its keys to itself, and nobody waits for them for long', async () => {
    site.server.script = { jwksAnswer: () => setImmediate(() => site.clock.advance({ seconds: 8 })) }
    const begunAt = performance.now()

    const page = await site.signIn(site.browser())

    expect(page.status).toBe(503)
    expect(page.text).toContain('ERR_AUTH_UNAVAILABLE')
    expect(performance.now() - begunAt).toBeLessThan(8_000)
  })

  test('nobody is signed in, and a new attempt may succeed: keys rotate', async () => {
    const { privateKey } = await generateKeyPair('RS256')
    site.server.script = { idToken: (claims) => site.server.sign(claims, { key: privateKey, kid: 'unpublished' }) }
    const browser = site.browser()

    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)

    site.server.script = {}
    expect((await site.signIn(browser)).status).toBe(200)
  })

  test('a key that the server has begun to use is found at once, also right after others were looked for', async () => {
    for (const kid of ['next', 'the one after that']) {
      const { privateKey, publicKey } = await generateKeyPair('RS256')
      site.server.script = {
        idToken: (claims) => site.server.sign(claims, { key: privateKey, kid }),
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256' }] },
      }

      expect((await site.signIn(site.browser())).status).toBe(200)
    }
  })

  test('the key that the token brings along, or points to, is never used', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const jwk = await exportJWK(publicKey)
    const headers = { jwk, jku: `${site.server.issuer}/evil-keys`, x5u: `${site.server.issuer}/evil-keys` }
    site.server.script = {
      idToken: (claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'unpublished', ...headers }).sign(privateKey),
    }
    const browser = site.browser()

    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.requests('/evil-keys')).toHaveLength(0)
  })
})
