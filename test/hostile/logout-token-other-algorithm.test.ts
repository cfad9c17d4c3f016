import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { generateKeyPair } from 'jose'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token signed with an algorithm that the server does not list for its ID Tokens', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, string]>([
    ['PS256', 'PS256'],
    ['ES256', 'ES256'],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(
      site,
      browser,
      await logoutToken(site, {}, { key: (await generateKeyPair(changed)).privateKey, alg: changed }),
      'alg',
    )
  })
})
