import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { scriptedSites, startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

const ALL = ['prompt', 'login_hint', 'ui_locales', 'acr_values', 'max_age'] as const

describe('parameters of the authorization request that a link to /login brings', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite({ options: { loginParameters: ALL } })
  })
  afterAll(async () => {
    await site.close()
  })

  async function authorizationRequest(query: string, at = site): Promise<URLSearchParams> {
    const begun = await at.browser().navigate(`${at.url}/login?${query}`, { redirectLimit: 0 })
    return new URL(begun.headers.get('location') ?? '').searchParams
  }

  test.each([
    ['prompt', 'login'],
    ['prompt', 'login consent'],
    ['prompt', 'none'],
    ['login_hint', 'alice@wonderland.example'],
    ['ui_locales', 'de-CH fr en'],
    ['acr_values', 'urn:mace:incommon:iap:silver phr'],
    ['max_age', '0'],
    ['max_age', '3600'],
  ])('%s=%s is passed on', async (name, value) => {
    const request = await authorizationRequest(new URLSearchParams({ [name]: value }).toString())

    expect(request.get(name)).toBe(value)
  })

  test.each([
    ['prompt', 'none login'],
    ['prompt', 'anything'],
    ['prompt', '&client_id=evil'],
    ['login_hint', 'a'.repeat(257)],
    ['login_hint', 'a\r\nb'],
    ['ui_locales', '<script>'],
    ['ui_locales', 'a'.repeat(36)],
    ['acr_values', 'caf\u00e9'],
    ['max_age', '-1'],
    ['max_age', '1e3'],
    ['max_age', '1.5'],
    ['max_age', '99999999999999999999'],
    ['max_age', 'Infinity'],
  ])('%s=%j is refused', async (name, value) => {
    const answer = await site
      .browser()
      .navigate(`${site.url}/login?${new URLSearchParams({ [name]: value }).toString()}`)

    expect(answer.status).toBe(400)
    expect(answer.text).toContain('ERR_AUTH_REQUEST')
  })

  test.each(ALL)('%s twice is refused', async (name) => {
    const answer = await site.browser().navigate(`${site.url}/login?${name}=1&${name}=1`)

    expect(answer.status).toBe(400)
  })

  test.each([
    'redirect_uri=https://evil.example', 'client_id=evil', 'response_type=token', 'response_mode=fragment', 'scope=admin', 'state=evil', 'nonce=evil', 'code_challenge=evil',
    'code_challenge_method=plain', 'request=evil', 'request_uri=https://evil.example', 'claims={}', 'audience=evil', 'resource=evil', 'iss=evil',
  ])('%s is not passed on', async (parameter) => {
    const request = await authorizationRequest(parameter)

    expect(request.toString()).not.toContain('evil')
    expect(request.get('response_type')).toBe('code')
    expect(request.get('scope')).toBe('openid')
    expect(request.get('code_challenge_method')).toBe('S256')
    expect(request.has('response_mode')).toBe(false)
    expect(request.has('claims')).toBe(false)
  }) // prettier-ignore

  test.each(ALL)('%s is not passed on by an application that did not allow it', async (name) => {
    const strict = await startSite()

    const request = await authorizationRequest(`${name}=1`, strict)

    expect(request.has(name)).toBe(false)
  })

  test.each<[string, Record<string, unknown>, number]>([
    ['without auth_time', {}, 502],
    ['with an auth_time too long ago', { auth_time: now() - 3_600 }, 502],
    ['with an auth_time that is a text', { auth_time: String(now()) }, 502],
    ['with a recent auth_time', { auth_time: now() }, 200],
  ])('max_age asked for and an ID Token %s: %s', async (_what, claims, status) => {
    site.server.script = { claims }
    const browser = site.browser()

    const page = await browser.navigate(`${site.url}/login?max_age=60&returnTo=/me`)

    expect(page.status).toBe(status)
    expect((await site.me(browser)).status).toBe(status === 200 ? 200 : 401)
  })
})

function now(): number {
  return Math.floor(Date.now() / 1_000)
}
