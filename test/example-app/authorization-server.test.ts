import { afterEach, describe, expect, jest, test } from '@jest/globals'
import express from 'express'
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as oidc from 'openid-client'

import { startApi } from '../../example-app/api/start.ts'
import { startHttpServer } from '../../example-app/http-server.ts'
import { startTestAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.ts'
import { Browser, type Page } from '../support/browser.ts'
import { signIn, type SignInOptions } from '../support/sign-in.ts'

const CLIENT = { clientId: 'app', clientSecret: 'a secret of the app' }
const RESOURCE_SERVER = { clientId: 'api', clientSecret: 'a secret of the api' }

// From before the first start: oidc-provider has something to say when it is imported, and when it is set up.
const consoleSpies = (['log', 'info', 'warn', 'error'] as const).map((method) => jest.spyOn(console, method))

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

describe('signing in', () => {
  test('goes through login and consent, and gives an ID Token, an access token and a refresh token', async () => {
    const { client, browser } = await setUp()

    const tokens = await client.signIn(browser)

    expect(tokens.claims()).toMatchObject({ sub: 'alice', name: 'Alice Liddell', email: 'alice@example.com' })
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 10, refresh_token: expect.any(String) })
    expect(tokens.access_token).not.toContain('.')
  })

  test('remembers user and consent: the second time it asks nothing', async () => {
    const { client, browser } = await setUp()
    await client.signIn(browser)

    const { page } = await client.authorize(browser)

    expect(page.hops.map((hop) => hop.status)).toEqual([303, 200])
    expect(page.url.searchParams.has('code')).toBe(true)
  })

  test('says so when the password is wrong, and keeps the user name', async () => {
    const { client, browser } = await setUp()

    const { page } = await client.authorize(browser, {}, { password: 'looking-glass' })

    expect(page.status).toBe(422)
    expect(page.text).toContain('The user name or the password is wrong.')
    expect(page.text).toMatch(/aria-describedby="error"/)
    expect(page.forms[0]?.fields.get('login')).toBe('alice')
    expect(page.text).not.toContain('looking-glass')
  })

  test('returns access_denied when the user denies consent', async () => {
    const { client, browser, server } = await setUp()

    const { page } = await client.authorize(browser, {}, { consent: 'deny' })

    expect(page.url.searchParams.get('error')).toBe('access_denied')
    expect(page.url.searchParams.get('iss')).toBe(server.issuer)
  })

  test('returns access_denied when the user cancels the login', async () => {
    const { client, browser } = await setUp()
    const loginPage = await browser.navigate(client.authorizationUrl())

    const page = await browser.submitForm(loginPage, { decision: 'cancel' })

    expect(page.url.searchParams.get('error')).toBe('access_denied')
  })

  test('refuses an authorization request without PKCE', async () => {
    const { client, browser } = await setUp()
    const url = client.authorizationUrl()
    url.searchParams.delete('code_challenge')
    url.searchParams.delete('code_challenge_method')

    const page = await browser.navigate(url)

    expect(page.url.searchParams.get('error')).toBe('invalid_request')
  })

  test('answers by a cross-site POST when form_post is asked for', async () => {
    const { client, browser } = await setUp()

    const { page } = await client.authorize(browser, { response_mode: 'form_post' })

    expect(page.hops.at(-1)).toMatchObject({ method: 'POST', status: 200 })
    expect(page.json()).toMatchObject({ method: 'POST', site: 'cross-site', body: { code: expect.any(String) } })
  })

  test('a login form without the cookie of its interaction is refused', async () => {
    const { client, browser } = await setUp()
    const loginPage = await browser.navigate(client.authorizationUrl())
    const stranger = newBrowser()

    const page = await stranger.submitForm(loginPage, { login: 'alice', password: 'wonderland' })

    expect(page.status).toBe(400)
    expect(page.text).toContain('interaction_expired')
  })
})

describe('the pages', () => {
  test('forbid scripts, frames and caches, and escape what comes from outside', async () => {
    const { client, browser } = await setUp()
    const login = '"><script>alert(1)</script>'

    const page = await browser.navigate(client.authorizationUrl({ login_hint: login }))

    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.text).not.toContain('<script>alert')
    expect(page.forms[0]?.fields.get('login')).toBe(login)
  })

  test('have the one style sheet that their policy allows', async () => {
    const { client, browser } = await setUp()

    const page = await browser.navigate(client.authorizationUrl())

    const [, style = ''] = /<style>(.*)<\/style>/s.exec(page.text) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page.headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`)
  })

  test.each([
    ['an unknown client', { client_id: 'nobody' }],
    ['a redirect URI that is not registered', { redirect_uri: 'https://attacker.example/callback' }],
  ])('explain %s instead of redirecting', async (_case, parameters) => {
    const { client, browser } = await setUp()

    const page = await browser.navigate(client.authorizationUrl(parameters))

    expect(page.status).toBe(400)
    expect(page.text).toContain('That did not work')
    expect(page.hops).toHaveLength(1)
  })
})

describe('refreshing', () => {
  test('rotates the refresh token', async () => {
    const { client, browser, server } = await setUp()
    const first = await client.signIn(browser)

    const second = await client.refresh(first)

    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(second.access_token).not.toBe(first.access_token)
    expect(server.tokenRequests('refresh_token')).toMatchObject([{ status: 200 }])
    expect(server.refreshesRefused).toEqual([])
  })

  test('with a refresh token that was used before revokes the whole grant', async () => {
    const { client, browser, server } = await setUp()
    const first = await client.signIn(browser)
    const second = await client.refresh(first)

    await expect(client.refresh(first)).rejects.toMatchObject({ error: 'invalid_grant' })

    await expect(client.refresh(second)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(client.introspect(second.access_token)).resolves.toMatchObject({ active: false })
    expect(server.reuseAlarms).toBe(1)
    expect(server.refreshesRefused).toHaveLength(2)
  })

  test('leaves the grant of another sign-in of the same user alone', async () => {
    const { client } = await setUp()
    const one = await client.signIn(newBrowser())
    const other = await client.signIn(newBrowser())
    await client.refresh(one)

    await expect(client.refresh(one)).rejects.toMatchObject({ error: 'invalid_grant' })

    await expect(client.refresh(other)).resolves.toMatchObject({ token_type: 'bearer' })
  })

  test('gives invalid_grant after an administrator revoked everything', async () => {
    const { client, browser, server } = await setUp()
    const tokens = await client.signIn(browser)

    server.revokeEverything()

    await expect(client.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(server.reuseAlarms).toBe(0)
  })
})

describe('a disturbed token endpoint', () => {
  test('holds requests until it is released', async () => {
    const { client, browser, server } = await setUp()
    const tokens = await client.signIn(browser)
    const release = server.holdTokenEndpoint()

    const refresh = client.refresh(tokens)
    await until(() => server.tokenRequests('refresh_token').length === 1)
    expect(server.tokenRequests('refresh_token')[0]?.status).toBeUndefined()
    release()

    await expect(refresh).resolves.toMatchObject({ token_type: 'bearer' })
    expect(server.tokenRequests('refresh_token')[0]?.status).toBe(200)
  })

  test('fails as told, and leaves the refresh token good', async () => {
    const { client, browser, server } = await setUp()
    const tokens = await client.signIn(browser)

    server.failTokenEndpoint({
      status: 503,
      headers: { 'Retry-After': '7' },
      body: { error: 'temporarily_unavailable' },
    })
    await expect(client.refresh(tokens)).rejects.toBeInstanceOf(oidc.ClientError)
    server.failTokenEndpoint(undefined)

    await expect(client.refresh(tokens)).resolves.toMatchObject({ token_type: 'bearer' })
    expect(server.tokenRequests('refresh_token').map((request) => request.status)).toEqual([503, 200])
  })

  test('loses an answer after it rotated: the client is left with a used refresh token', async () => {
    const { client, browser, server } = await setUp()
    const tokens = await client.signIn(browser)

    server.dropNextTokenAnswer()
    await expect(client.refresh(tokens)).rejects.toThrow(TypeError)

    expect(server.tokenRequests('refresh_token')).toMatchObject([{ status: 'cut' }])
    await expect(client.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(server.reuseAlarms).toBe(1)
  })

  test('comes back on its port, with its data, after the server was down', async () => {
    const { client, browser, server } = await setUp()
    const tokens = await client.signIn(browser)

    await server.stop()
    await expect(client.refresh(tokens)).rejects.toThrow(TypeError)
    await server.start()

    await expect(client.refresh(tokens)).resolves.toMatchObject({ token_type: 'bearer' })
  })
})

describe('signing out (OpenID Connect RP-Initiated Logout 1.0)', () => {
  test('needs no question when the app sends the ID Token, and leads back to the app', async () => {
    const { client, browser } = await setUp()
    const { id_token = '' } = await client.signIn(browser)

    const page = await browser.navigate(client.endSessionUrl({ id_token_hint: id_token }))

    expect(page.url.href).toBe(client.postLogoutRedirectUri)
    const { page: next } = await client.authorize(browser, {}, { password: 'wrong' })
    expect(next.text).toContain('name="password"')
  })

  test('tells the app (OpenID Connect Back-Channel Logout 1.0)', async () => {
    const { client, browser, received } = await setUp()
    const { id_token = '' } = await client.signIn(browser)

    await browser.navigate(client.endSessionUrl({ id_token_hint: id_token }))

    expect(received).toContainEqual({ path: '/backchannel-logout', body: { logout_token: expect.any(String) } })
  })

  test('asks first without one', async () => {
    const { client, browser, server } = await setUp()
    await client.signIn(browser)

    const question = await browser.navigate(`${server.issuer}/session/end`)
    expect(question.text).toContain('Sign out?')
    const page = await browser.submitForm(question)

    expect(page.text).toContain('You are signed out')
  })
})

describe('the API', () => {
  test('answers for the owner of a good token', async () => {
    const { client, browser, apiUrl } = await setUp()
    const { access_token } = await client.signIn(browser, { login: 'bob', password: 'builder' })

    const orders = await call(`${apiUrl}/orders`, access_token)
    const me = await call(`${apiUrl}/me`, access_token)

    expect(await orders.json()).toMatchObject({ owner: 'bob', orders: [{ id: 'bob-1' }, {}, {}] })
    expect(await me.json()).toEqual({ sub: 'bob', scope: 'openid profile email', expiresIn: expect.any(Number) })
  })

  test('challenges a request without a token, and names the error of a bad one (RFC 6750 §3)', async () => {
    const { apiUrl } = await setUp()

    const [without, bad] = await Promise.all([fetch(`${apiUrl}/orders`), call(`${apiUrl}/orders`, 'made-up')])

    expect([without.status, without.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="orders"'])
    expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
  })

  test('refuses access tokens that the server destroyed', async () => {
    const { client, browser, server, apiUrl } = await setUp()
    const tokens = await client.signIn(browser)

    server.expireAccessTokens()

    expect((await call(`${apiUrl}/orders`, tokens.access_token)).status).toBe(401)
    const { access_token } = await client.refresh(tokens)
    expect((await call(`${apiUrl}/orders`, access_token)).status).toBe(200)
  })

  test('says 503 when it cannot ask about the token', async () => {
    const { client, browser, server, apiUrl } = await setUp()
    const { access_token } = await client.signIn(browser)

    await server.stop()

    expect((await call(`${apiUrl}/orders`, access_token)).status).toBe(503)
  })

  test('describes a body by length and digest, and never repeats the token', async () => {
    const { client, browser, apiUrl } = await setUp()
    const { access_token } = await client.signIn(browser)

    const response = await call(`${apiUrl}/echo`, access_token, { method: 'POST', body: 'hello' })
    const text = await response.text()

    expect(JSON.parse(text)).toMatchObject({
      method: 'POST',
      bytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    })
    expect(text).not.toContain(access_token)
  })

  test('streams events and ends', async () => {
    const { client, browser, apiUrl } = await setUp()
    const { access_token } = await client.signIn(browser)

    const response = await call(`${apiUrl}/stream?count=2&every=1`, access_token)

    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect((await response.text()).match(/^data: /gm)).toHaveLength(2)
  })
})

test('all of this wrote nothing to the console', async () => {
  const { client, browser, server } = await setUp()
  const { refresh_token = '' } = await client.signIn(browser)
  await oidc.tokenRevocation(client.config, refresh_token)
  await fetch(`${server.issuer}/me`, { headers: { Origin: 'https://elsewhere.example' } })

  for (const spy of consoleSpies) expect(spy).not.toHaveBeenCalled()
})

/** An app that only reports what reached its redirect URI, the server, the API, and openid-client as the client. */
async function setUp() {
  const received: { path: string; body: unknown }[] = []
  const callback = express()
    .use(express.urlencoded())
    .use((req, res) => {
      received.push({ path: req.path, body: req.body as unknown })
      res.json({ method: req.method, site: req.get('sec-fetch-site'), body: req.body as unknown })
    })
  const app = await startHttpServer(callback)
  const appUrl = `http://127.0.0.1:${app.port}`
  const redirectUri = `${appUrl}/callback`
  const postLogoutRedirectUri = `${appUrl}/goodbye`

  const server = await startTestAuthorizationServer({
    issuerHost: 'localhost',
    clients: [
      {
        ...CLIENT,
        redirectUris: [redirectUri],
        postLogoutRedirectUris: [postLogoutRedirectUri],
        backchannelLogoutUri: `${appUrl}/backchannel-logout`,
      },
    ],
    resourceServerClient: RESOURCE_SERVER,
  })
  const api = await startApi({ ...RESOURCE_SERVER, introspectionEndpoint: `${server.issuer}/token/introspection` })
  for (const started of [app, server, api]) cleanups.push(() => started.close())

  const client = await openidClient(server, redirectUri, postLogoutRedirectUri)
  return { server, received, client, browser: newBrowser(), apiUrl: api.url }
}

async function openidClient(server: TestAuthorizationServer, redirectUri: string, postLogoutRedirectUri: string) {
  const authentication = oidc.ClientSecretBasic(CLIENT.clientSecret)
  // oxlint-disable-next-line typescript/no-deprecated -- deprecated only to stand out; this server is on loopback
  const insecure = { execute: [oidc.allowInsecureRequests] }
  const config = await oidc.discovery(new URL(server.issuer), CLIENT.clientId, undefined, authentication, insecure)
  const verifier = oidc.randomPKCECodeVerifier()
  const challenge = await oidc.calculatePKCECodeChallenge(verifier)

  const authorizationUrl = (parameters: Record<string, string> = {}): URL =>
    oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...parameters,
    })
  const authorize = async (
    browser: Browser,
    parameters?: Record<string, string>,
    options?: SignInOptions,
  ): Promise<{ page: Page }> => ({ page: await signIn(browser, authorizationUrl(parameters), options) })

  return {
    config,
    postLogoutRedirectUri,
    authorizationUrl,
    authorize,
    async signIn(browser: Browser, options?: SignInOptions) {
      const { page } = await authorize(browser, {}, options)
      return oidc.authorizationCodeGrant(config, page.url, { pkceCodeVerifier: verifier })
    },
    refresh: (tokens: oidc.TokenEndpointResponse) => oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''),
    introspect: (token: string) => oidc.tokenIntrospection(config, token),
    endSessionUrl: (parameters: Record<string, string>) =>
      oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: postLogoutRedirectUri, ...parameters }),
  }
}

function newBrowser(): Browser {
  const browser = new Browser()
  cleanups.push(() => browser.close())
  return browser
}

function call(url: string, token: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, headers: { Authorization: `Bearer ${token}` } })
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5)
}
