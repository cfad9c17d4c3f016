import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, SID, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

async function withClaims(site: ScriptedSite, claims: string): Promise<string> {
  const [header, , signature] = (await logoutToken(site)).split('.')
  return [header, Buffer.from(claims).toString('base64url'), signature].join('.')
}

describe('a logout token that is none', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, () => string | Promise<string>]>([
    ['a word', () => 'token'],
    ['three words', () => 'not.a.token'],
    ['a header alone', async () => `${(await site.server.sign({})).split('.')[0]}..`],
    ['claims that are a list', async () => withClaims(site, '[]')],
    ['claims that are no JSON', async () => withClaims(site, '{')],
    ['no time', async () => logoutToken(site, { iat: undefined })],
    ['a time that is a text', async () => logoutToken(site, { iat: 'now' })],
    ['an end that is a text', async () => logoutToken(site, { exp: 'soon' })],
    ['a subject that is a number', async () => logoutToken(site, { sub: 7 })],
    ['a subject that is nothing', async () => logoutToken(site, { sub: '' })],
    ['a session that is a list', async () => logoutToken(site, { sid: [SID] })],
    ['a session that is nothing', async () => logoutToken(site, { sid: '' })],
  ])('%s: refused, and nobody is signed out', async (_what, make) => {
    await expectRefused(site, browser, await make(), 'malformed')
  })
})
