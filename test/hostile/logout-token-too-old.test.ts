import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token from another time, which never expires', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, { iat: number }]>([
    ['ten minutes old', { iat: -600 }],
    ['just too old', { iat: -152 }],
    ['of 1970', { iat: Number.NEGATIVE_INFINITY }],
    ['from the future', { iat: 32 }],
    ['from the far future', { iat: 1e9 }],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(
      site,
      browser,
      await logoutToken(site, { iat: Math.max(site.clock.now() / 1_000 + changed.iat, 0), exp: undefined }),
      'iat',
    )
  })
})
