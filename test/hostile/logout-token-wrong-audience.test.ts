import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token for another client of the same server', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, Record<string, unknown>]>([
    ['another client', { aud: 'another-client' }],
    ['several others', { aud: ['another-client', 'and-another'] }],
    ['none', { aud: undefined }],
    ['an empty list', { aud: [] }],
    ['an object', { aud: { 'test-app': true } }],
    ['one whose name begins the same', { aud: 'test-app-2' }],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await logoutToken(site, changed), 'aud')
  })
})
