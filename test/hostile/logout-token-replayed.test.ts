import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { expectRefused, logoutToken, sendLogoutToken, signedInWith } from '../support/logout-tokens.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a logout token that comes twice', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, Record<string, unknown>]>([
    ['for one session', {}],
    ['for all sessions of the end-user', { sid: undefined }],
    ['for longer than it should be good', { exp: 4_102_444_800 }],
  ])('%s: the sign-in that came between goes on, for as long as the token is good', async (_what, changed) => {
    const first = await signedInWith(site)
    const token = await logoutToken(site, changed)
    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect((await site.me(first)).status).toBe(401)

    const second = await signedInWith(site)

    await expectRefused(site, second, token, 'replayed')
    site.clock.advance({ seconds: 140 })
    await expectRefused(site, second, token, 'replayed')
    site.clock.advance({ seconds: 30 })
    await expectRefused(site, second, token, 'iat')
  })

  test('at the same time: each sign-in ends once, and no delivery fails', async () => {
    await signedInWith(site)
    const token = await logoutToken(site)
    const told = site.events.length

    const answers = await Promise.all(Array.from({ length: 5 }, () => sendLogoutToken(site, token)))

    expect(answers.map(({ status }) => status)).toContain(200)
    const events = site.events.slice(told)
    const ended = events.flatMap((event) => (event.type === 'sign-out' ? [event.grantId] : []))
    expect(ended.length).toBeGreaterThan(0)
    expect(new Set(ended).size).toBe(ended.length)
    const others = events.filter(({ type }) => type !== 'sign-out' && type !== 'grant-ended')
    expect(others).toEqual(others.map(() => ({ type: 'logout-token-refused', provider: 'main', flaw: 'replayed' })))
    expect((await sendLogoutToken(site, token)).status).toBe(400)
  })

  test('another token that says the same is no replay', async () => {
    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
  })
})
