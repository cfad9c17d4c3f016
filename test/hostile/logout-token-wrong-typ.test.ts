import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a JWT of the server that has another type (RFC 8725 §3.11)', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, string | undefined]>([
    ['no type', undefined],
    ['any JWT', 'JWT'],
    ['an access token', 'at+jwt'],
    ['a security event', 'secevent+jwt'],
    ['almost', 'logout+jwt;v=1'],
    ['empty', ''],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await logoutToken(site, {}, { typ: changed }), 'typ')
  })
})
