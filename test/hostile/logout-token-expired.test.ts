import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token that has expired', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, number]>([
    ['a minute ago', -60],
    ['just beyond what clocks may be apart', -31],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await logoutToken(site, { exp: site.clock.now() / 1_000 + changed }), 'exp')
  })
})
