import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an authorization response that says something twice (RFC 6749 §3.1)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (response: URLSearchParams) => void]>([
    ['code', (response) => response.append('code', 'another')],
    ['code, the same', (response) => response.append('code', response.get('code') ?? '')],
    ['state', (response) => response.append('state', 'another')],
    ['state, the same', (response) => response.append('state', response.get('state') ?? '')],
    ['iss', (response) => response.append('iss', 'https://evil.example')],
    ['iss, the same', (response) => response.append('iss', response.get('iss') ?? '')],
  ])('%s: refused, and the code is not redeemed', async (_what, authorizationResponse) => {
    site.server.script = { authorizationResponse }
    const redeemed = site.server.tokenRequests('authorization_code').length

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_REQUEST')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })

  test.each(['returnTo=/me&returnTo=/', 'returnTo=/me&returnTo=/me', 'resume=x&resume=y'])(
    '/login?%s is refused',
    async (query) => {
      const page = await site.browser().navigate(`${site.url}/login?${query}`)

      expect(page.status).toBe(400)
      expect(page.text).toContain('ERR_AUTH_REQUEST')
    },
  )

  test('a posted form is held to the same', async () => {
    const form = new URLSearchParams([
      ['code', 'one'],
      ['code', 'two'],
      ['state', 'x'],
    ])

    const answer = await site.browser().post(`${site.url}/callback`, form)

    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REQUEST' })
  })
})
