import { afterAll, beforeAll, describe, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { generateKeyPair } from 'jose'
import { expectRefused, logoutClaims, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const anotherKey = (): ReturnType<typeof generateKeyPair> => generateKeyPair('RS256')

async function withSignature(site: ScriptedSite, signature: string): Promise<string> {
  return [...(await logoutToken(site)).split('.').slice(0, 2), signature].join('.')
}

describe('a logout token whose signature is not the server’s', () => {
  let site: ScriptedSite
  let browser: Browser
  beforeAll(async () => {
    site = await startScriptedSite()
    browser = await signedInWith(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, () => Promise<string>]>([
    [
      'signed by another key under the right key id',
      async () => logoutToken(site, {}, { key: (await anotherKey()).privateKey }),
    ],
    ['no signature at all', async () => withSignature(site, '')],
    ['one that is much too short', async () => withSignature(site, 'AAAA')],
    [
      'claims changed after signing',
      async () => {
        const [header, , signature] = (await logoutToken(site, { sid: 'of somebody else' })).split('.')
        const forged = Buffer.from(JSON.stringify(logoutClaims(site))).toString('base64url')
        return [header, forged, signature].join('.')
      },
    ],
  ])('%s: refused, and nobody is signed out', async (_what, make) => {
    await expectRefused(site, browser, await make(), 'signature')
  })
})
