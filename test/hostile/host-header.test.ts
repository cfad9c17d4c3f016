import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const SPOOFED = {
  host: 'evil.example',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '443',
  'x-forwarded-prefix': '/evil',
  'x-original-url': '/evil',
  'x-rewrite-url': '/evil',
  forwarded: 'host=evil.example;proto=https',
}

describe.each([false, true])('a spoofed Host, while "trust proxy" is %s', (trustProxy) => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite({ before: (app) => app.set('trust proxy', trustProxy) })
  })
  afterAll(async () => {
    await site.close()
  })

  test('does not change the redirect URI', async () => {
    const begun = await site
      .browser()
      .navigate(`${site.url}/login?returnTo=/me`, { headers: SPOOFED, redirectLimit: 0 })
    const request = new URL(begun.headers.get('location') ?? '')

    expect(request.origin).toBe(site.server.issuer)
    expect(request.searchParams.get('redirect_uri')).toBe(`${site.url}/callback`)
    expect(request.href).not.toContain('evil')
  })

  test('does not change where the guard, the callback and the sign-out lead', async () => {
    const browser = site.browser()
    const guarded = await browser.navigate(`${site.url}/me`, { headers: SPOOFED, redirectLimit: 0 })
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
    const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
    const callback = await browser.navigate(answered.headers.get('location') ?? '', {
      headers: SPOOFED,
      redirectLimit: 0,
    })
    const logout = await browser.navigate(`${site.url}/logout`, {
      method: 'POST',
      form: {},
      from: site.url,
      headers: SPOOFED,
      redirectLimit: 0,
    })

    expect([guarded, callback, logout].map(({ headers }) => headers.get('location'))).toEqual([
      '/login?returnTo=%2Fme',
      '/me',
      '/',
    ])
    expect(site.server.tokenRequests('authorization_code').at(-1)?.parameters.get('redirect_uri')).toBe(
      `${site.url}/callback`,
    )
  })

  test('does not get into what a program is told', async () => {
    const answer = await site.browser().get(`${site.url}/me`, { headers: SPOOFED })

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain(`login_uri="${site.url}/login"`)
    expect(answer.json()).toMatchObject({ loginUrl: `${site.url}/login` })
    expect(answer.text).not.toContain('evil')
  })
})
