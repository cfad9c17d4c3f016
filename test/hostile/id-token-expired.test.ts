import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { scriptedSites, startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

const now = (): number => Math.floor(Date.now() / 1_000)

describe('an ID Token at the wrong time (OIDC Core §3.1.3.7)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, () => Record<string, unknown>]>([
    ['expired a minute ago', () => ({ exp: now() - 60 })],
    ['without an expiry', () => ({ exp: undefined })],
    ['with an expiry that is no number', () => ({ exp: String(now() + 3_600) })],
    ['not valid for another hour', () => ({ nbf: now() + 3_600 })],
    ['without the time it was made', () => ({ iat: undefined })],
  ])('%s: nobody is signed in', async (_what, claims) => {
    site.server.script = { claims: claims() }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test('expired within the tolerance for clocks that differ: the user is signed in', async () => {
    site.server.script = { claims: { exp: now() - 10 } }

    const page = await site.signIn(site.browser())

    expect(page.status).toBe(200)
  })

  test('the tolerance is the one that was configured', async () => {
    const exact = await startSite({ provider: { clockToleranceSeconds: 0 } })
    const lenient = await startSite({ provider: { clockToleranceSeconds: 120 } })
    exact.server.script = { claims: { exp: now() - 10 } }
    lenient.server.script = { claims: { exp: now() - 60 } }

    const pages = [await exact.signIn(exact.browser()), await lenient.signIn(lenient.browser())]

    expect(pages.map(({ status }) => status)).toEqual([502, 200])
  })
})
