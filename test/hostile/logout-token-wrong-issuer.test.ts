import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token of another issuer, signed with the right key', () => {
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
    ['another server', { iss: 'https://evil.example' }],
    ['the same with a slash behind', { iss: 'http://127.0.0.1/' }],
    ['none', { iss: undefined }],
    ['a list', { iss: ['https://evil.example'] }],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await logoutToken(site, changed), 'iss')
  })
})
