import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_SECRET, SECRET, startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { scriptedSites } from '../support/scripted-site.ts'
import { passInteractions, signIn } from '../support/sign-in.ts'

const startSite = scriptedSites()

const HIDDEN = ['access_token', 'refresh_token', 'id_token', 'code_verifier']

/** Everything in any request to the server, and any answer of it, that a browser must not see. */
function recordSecrets(site: TestApp): Set<string> {
  const secrets = new Set([CLIENT_SECRET, SECRET])
  const { fetch } = site.clock
  site.clock.fetch = async (input, init) => {
    const sent = new URLSearchParams(
      typeof init?.body === 'string' || init?.body instanceof URLSearchParams ? init.body : '',
    )
    const response = await fetch(input, init)
    const answered = (await response
      .clone()
      .json()
      .catch(() => ({}))) as Record<string, unknown>
    for (const name of HIDDEN) {
      for (const value of [sent.get(name), answered[name]]) if (typeof value === 'string') secrets.add(value)
    }
    return response
  }
  return secrets
}

function leaked(browser: Browser, secrets: Iterable<string>): string[] {
  const inAnyDress = (secret: string): string[] => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
  ]
  return [...secrets].filter((secret) => inAnyDress(secret).some((dress) => browser.transcript.includes(dress)))
}

describe('every byte that reaches the browser', () => {
  let site: TestApp
  let secrets: Set<string>
  beforeAll(async () => {
    site = await startTestApp({
      provider: { scope: 'openid profile email offline_access' },
      routes: (app) => app.get('/userinfo', async (req, res) => void res.json(await req.auth.userInfo())),
    })
    secrets = recordSecrets(site)
  })
  afterAll(async () => {
    await site.close()
  })

  test('holds no token, verifier or secret: sign-in, refresh, proxy, errors, logout', async () => {
    const browser = site.browser()
    const { url, clock, authorizationServer } = site

    const page = await signIn(browser, `${url}/me?a=b`)
    for (const path of ['/', '/me', '/grant', '/userinfo', '/api/orders', '/api/nothing-there'])
      await browser.get(url + path)
    for (let refresh = 0; refresh < 3; refresh += 1) {
      clock.advance({ seconds: 61 })
      await Promise.all([browser.get(`${url}/api/orders`), browser.get(`${url}/grant`)])
    }
    await browser.post(`${url}/api/orders`, { item: 'tea' })
    clock.advance({ seconds: 3 }) // a token that is newer would not be replaced
    authorizationServer.expireAccessTokens()
    await browser.get(`${url}/api/orders`)
    for (const hop of page.hops) await browser.navigate(hop.url, { redirectLimit: 0 })
    await browser.navigate(`${url}/callback?state=wrong&code=wrong`)
    await browser.navigate(`${url}/login?prompt=none&returnTo=/me`, { redirectLimit: 0 })
    authorizationServer.failTokenEndpoint({
      status: 400,
      body: { error: 'invalid_request', error_description: [...secrets].join(' ') },
    })
    clock.advance({ seconds: 61 })
    await browser.get(`${url}/api/orders`)
    await browser.navigate(`${url}/api/orders`)
    authorizationServer.failTokenEndpoint(undefined)
    clock.advance({ seconds: 61 })
    await browser.get(`${url}/api/orders`)
    await browser.navigate(`${url}/logout`)
    await passInteractions(browser, await browser.navigate(`${url}/logout`, { method: 'POST', form: {}, from: url }))

    expect(authorizationServer.tokenRequests('refresh_token').length).toBeGreaterThanOrEqual(5)
    expect(secrets.size).toBeGreaterThan(15)
    expect(leaked(browser, secrets)).toEqual([])
  })
})

describe.each(['query', 'form_post'] as const)('the authorization code, with response_mode=%s', (responseMode) => {
  test('stands in the answer of the server that issued it, and in nothing that we say', async () => {
    const site = await startSite({ provider: { responseMode } })
    const browser = site.browser()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })
    const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
    const callback = new URL(answered.headers.get('location') ?? '')
    const code = callback.searchParams.get('code') ?? ''
    const before = browser.transcript.length

    const page =
      responseMode === 'query'
        ? await browser.navigate(callback)
        : await browser.navigate(`${site.url}/callback`, {
            method: 'POST',
            form: Object.fromEntries(callback.searchParams),
            from: site.server.issuer,
          })
    await browser.navigate(page.hops[1]?.url ?? '')
    await site.use(browser)

    expect(page.status).toBe(200)
    expect(code).not.toBe('')
    expect(browser.transcript.slice(before)).not.toContain(code)
    expect(
      page.hops
        .slice(1)
        .map(({ url }) => url)
        .join(),
    ).not.toContain(code)
    expect(leaked(browser, site.server.secrets)).toEqual([])
  })
})
