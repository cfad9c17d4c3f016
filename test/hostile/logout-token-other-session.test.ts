import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { expectRefused, logoutToken, sendLogoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token for the session of somebody else', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('with another end-user as its subject: refused, and neither of them is signed out', async () => {
    const alice = await signedInWith(site)
    const bob = await signedInWith(site, { sub: 'bob', sid: 'bob’s' })

    await expectRefused(site, alice, await logoutToken(site, { sid: 'bob’s', sub: 'alice' }), 'mismatch')

    expect((await site.me(bob)).status).toBe(200)
  })

  test('that is not here: the subject’s own sessions go on', async () => {
    const alice = await signedInWith(site)

    expect((await sendLogoutToken(site, await logoutToken(site, { sid: 'elsewhere' }))).status).toBe(200)

    expect((await site.me(alice)).status).toBe(200)
  })

  test.each(['__proto__', 'constructor', 'alice', '*', '%', '["sid","main","x"]', 'a'.repeat(4_000)])(
    'called %s',
    async (name) => {
      const alice = await signedInWith(site)

      expect((await sendLogoutToken(site, await logoutToken(site, { sid: name, sub: undefined }))).status).toBe(200)
      expect((await sendLogoutToken(site, await logoutToken(site, { sub: `${name}x`, sid: undefined }))).status).toBe(
        200,
      )

      expect((await site.me(alice)).status).toBe(200)
    },
  )
})
