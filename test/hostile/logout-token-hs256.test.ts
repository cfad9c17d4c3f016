import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { CLIENT_SECRET } from '../support/app.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token with a MAC, which the server even lists as supported (RFC 8725 §2.1)', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (site: ScriptedSite) => string]>([
    ['keyed with the client secret', () => CLIENT_SECRET],
    ['keyed with the public key', ({ server }) => JSON.stringify(server.jwk)],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(
      site,
      browser,
      await logoutToken(site, {}, { key: new TextEncoder().encode(changed(site)), alg: 'HS256' }),
      'alg',
    )
  })
})
