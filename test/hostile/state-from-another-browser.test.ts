import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

/** What the server sends the attacker's browser back with, before the attacker follows it. */
async function attackersResponse(site: ScriptedSite): Promise<{ url: string; code: string }> {
  site.server.script = {}
  const attacker = site.browser()
  const begun = await attacker.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
  const answered = await attacker.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  const url = answered.headers.get('location') ?? ''
  return { url, code: new URL(url).searchParams.get('code') ?? '' }
}

function redemptionsOf(site: ScriptedSite, code: string): readonly unknown[] {
  return site.server.requests('/token').filter(({ parameters }) => parameters.get('code') === code)
}

describe('an authorization response from another browser (RFC 9700 §4.7, login CSRF)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test("the attacker's code is never redeemed, and the victim is never signed in as the attacker", async () => {
    const stolen = await attackersResponse(site)
    const victim = site.browser()

    const page = await victim.navigate(stolen.url, { from: 'https://evil.example' })

    expect(page.status).toBe(200)
    expect(page.url.pathname).toBe('/me')
    expect(page.json()).toMatchObject({ sub: 'alice' })
    expect(redemptionsOf(site, stolen.code)).toHaveLength(0)
  })

  test('a victim with a session and a sign-in under way keeps both', async () => {
    const stolen = await attackersResponse(site)
    const victim = site.browser()
    const begun = await victim.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })

    const lured = await victim.navigate(stolen.url, { from: 'https://evil.example', redirectLimit: 0 })
    const finished = await victim.navigate(begun.headers.get('location') ?? '')

    expect(new URL(lured.headers.get('location') ?? '', site.url).pathname).toBe('/login')
    expect(finished.status).toBe(200)
    expect(redemptionsOf(site, stolen.code)).toHaveLength(0)
  })

  test('a victim who is signed in stays who they are', async () => {
    const victim = await site.signedIn()
    const stolen = await attackersResponse(site)

    const page = await victim.navigate(stolen.url, { from: 'https://evil.example' })

    expect(page.json()).toMatchObject({ sub: 'alice' })
    expect(redemptionsOf(site, stolen.code)).toHaveLength(0)
  })

  test("the attacker's code under the victim's own state fails: the verifier is another (RFC 7636 §1)", async () => {
    const stolen = await attackersResponse(site)
    const victim = site.browser()
    site.server.script = { authorizationResponse: (response) => response.set('code', stolen.code) }

    const page = await site.signIn(victim)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect((await site.me(victim)).status).toBe(401)
  })
})
