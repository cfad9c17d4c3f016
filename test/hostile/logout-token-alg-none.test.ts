import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutClaims, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

async function unsigned(site: ScriptedSite, alg: string | undefined): Promise<string> {
  return `${encode({ alg, typ: 'logout+jwt' })}.${encode(logoutClaims(site))}.`
}

describe('a logout token that is not signed (RFC 8725 §3.2)', () => {
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
    ['none', 'none'],
    ['None', 'None'],
    ['nothing', undefined],
  ])('%s: refused, and nobody is signed out', async (_what, changed) => {
    await expectRefused(site, browser, await unsigned(site, changed), 'alg')
  })
})
