import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { startApi } from '../../example-app/api/start.ts'
import type { RegisteredClient } from '../../example-app/authorization-server/start.ts'
import { startHealthKey } from '../../example-app/simulators/healthkey.ts'
import { startPrivo } from '../../example-app/simulators/privo.ts'
import { startTestAuthorizationServer } from '../support/authorization-server.ts'
import { Browser } from '../support/browser.ts'
import { freePort, runExampleApp, startExampleApp, type ExampleApp } from '../support/example-app.ts'
import { signIn } from '../support/sign-in.ts'

// Each test starts processes, and some wait for tokens to expire.
jest.setTimeout(60_000)

interface Session {
  readonly signedIn: boolean
  readonly token: {
    readonly generation: number
    readonly secondsLeft: number
    readonly refreshedAt: number
    readonly expiresAt: number
  }
}

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

describe('the demo, started with nothing but a port', () => {
  test('leads from its home page through the sign-in to the profile, and says who it is', async () => {
    const { url, output } = await demo()
    const browser = newBrowser()
    const home = await browser.navigate(url)
    expect(home.text).toContain('<code>wonderland</code>')

    const page = await signIn(browser, `${url}/login/demo?returnTo=/profile`)

    expect(page.url.href).toBe(`${url}/profile`)
    expect(page.text).toContain('<h1>Alice Liddell</h1>')
    expect((await browser.get(`${url}/me`)).json()).toMatchObject({ sub: 'alice', email: 'alice@example.com' })
    expect(output()).toContain('alice, password wonderland')
  })

  test('lists where somebody is signed in, and signs the other devices out', async () => {
    const { url } = await demo()
    const [here, there] = [newBrowser(), newBrowser()]
    await signIn(there, `${url}/login/demo?returnTo=/profile`)
    const profile = await signIn(here, `${url}/login/demo?returnTo=/profile`)
    expect(profile.text.match(/<li>\s*<strong>/g)).toHaveLength(2)
    const fromElsewhere = await here.post(`${url}/sign-ins/end-others`, new URLSearchParams(), {
      headers: { 'sec-fetch-site': 'cross-site' },
    })

    const after = await here.navigate(`${url}/sign-ins/end-others`, { method: 'POST', form: {}, from: profile.url })

    expect(fromElsewhere.status).toBe(403)
    expect(after.url.href).toBe(`${url}/profile`)
    expect(after.text.match(/<li>\s*<strong>/g)).toHaveLength(1)
    expect((await here.get(`${url}/me`)).status).toBe(200)
    expect((await there.get(`${url}/me`)).status).toBe(401)
  })

  test('tells how the token is doing, and nobody the token', async () => {
    const { url } = await demo()
    const browser = newBrowser()
    expect((await browser.get(`${url}/session`)).json()).toEqual({ signedIn: false })
    const begun = Date.now()

    await signIn(browser, `${url}/login/demo?returnTo=/profile`)
    const answer = await browser.get(`${url}/session`)

    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.json()).toEqual({
      signedIn: true,
      now: expect.any(Number),
      token: {
        generation: 1,
        expiresAt: expect.any(Number),
        secondsLeft: expect.any(Number),
        refreshedAt: expect.any(Number),
        isRefreshable: true,
        scope: 'openid profile email',
      },
    })
    const { token } = answer.json() as Session
    expect(token.secondsLeft).toBeGreaterThan(0)
    expect(token.secondsLeft).toBeLessThanOrEqual(10)
    expect(token.refreshedAt).toBeGreaterThanOrEqual(begun)
    expect(browser.transcript).not.toMatch(/access_token|refresh_token|id_token|eyJ[\w-]+\.eyJ/)
  })

  test('calls the API beyond the life of the access token: ten calls that find it expired refresh it once', async () => {
    const { url } = await demo({ DEMO_TOKEN_SECONDS: '4' })
    const browser = newBrowser()
    await signIn(browser, `${url}/login/demo?returnTo=/profile`)
    expect((await browser.get(`${url}/api/orders`)).json()).toMatchObject({ owner: 'alice' })
    const before = (await browser.get(`${url}/session`)).json() as Session
    await delay(before.token.expiresAt - Date.now())

    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.get(`${url}/api/orders`)))

    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200))
    const after = (await browser.get(`${url}/session`)).json() as Session
    expect(after.token.generation).toBe(before.token.generation + 1)
  })

  test('is signed out of, in that browser alone, when the end-user signs out at the authorization server itself', async () => {
    const { url, output } = await demo()
    const [meant, other] = [newBrowser(), newBrowser()]
    await signIn(meant, `${url}/login/demo?returnTo=/profile`)
    await signIn(other, `${url}/login/demo?returnTo=/profile`)
    const [, issuer = ''] = /Demo server +(\S+)/.exec(output()) ?? []

    const page = await meant.submitForm(await meant.navigate(`${issuer}/session/end`))

    expect(page.text).toContain('You are signed out')
    expect((await meant.get(`${url}/session`)).json()).toEqual({ signedIn: false })
    expect((await other.get(`${url}/session`)).json()).toMatchObject({ signedIn: true })
    expect(output()).toContain('sign-out of alice')
  })

  test('guards pages by a sign-in, and answers programs with 401', async () => {
    const { url } = await demo()
    const browser = newBrowser()

    const page = await browser.navigate(`${url}/explorer`, { redirectLimit: 0 })
    const [me, api] = await Promise.all([browser.get(`${url}/me`), browser.get(`${url}/api/orders`)])

    expect([page.status, page.headers.get('location')]).toEqual([303, '/login?returnTo=%2Fexplorer'])
    expect([me.status, api.status]).toEqual([401, 401])
  })

  test('allows its pages only files of its own, and nobody to frame them', async () => {
    const { url } = await demo()
    const browser = newBrowser()

    const page = await browser.navigate(`${url}/no-such-page`)

    expect(page.status).toBe(404)
    expect(page.text).toContain('There is nothing here')
    const policy = page.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const style = await browser.get(`${url}/assets/style.css`)
    const script = await browser.get(`${url}/assets/explorer.js`)
    expect([style.status, script.status]).toEqual([200, 200])
    expect([...style.setCookie, ...script.setCookie]).toEqual([])
  })

  test('answers an address that cannot be read without a stack trace', async () => {
    const { url, output } = await demo()

    const page = await newBrowser().navigate(`${url}/assets/%E0%A4%A`)

    expect(page.status).toBe(404)
    expect(page.text + output()).not.toMatch(/\bat \S+ \(|node_modules/)
  })

  test('is alive and ready', async () => {
    const { url } = await demo()
    const browser = newBrowser()

    const [alive, ready] = await Promise.all([browser.get(`${url}/healthz`), browser.get(`${url}/readyz`)])

    expect([alive.status, alive.json()]).toEqual([200, { status: 'ok' }])
    expect([ready.status, ready.json()]).toEqual([200, { status: 'ok', provider: 'ok', grants: 'ok' }])
  })
})

describe('ending', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('on %s is orderly, with connections open', async (signal) => {
    const { url, ...app } = await demo()
    const browser = newBrowser()
    await signIn(browser, `${url}/login/demo?returnTo=/profile`)
    const answer = browser.get(`${url}/api/slow?ms=300`)
    await delay(100)

    app.signal(signal)

    expect((await answer).status).toBe(200)
    expect(await app.exitCode).toBe(0)
    expect(app.output()).not.toMatch(/error/i)
  })

  test('does not wait for a stream when it is told twice', async () => {
    const { url, ...app } = await demo()
    const browser = newBrowser()
    await signIn(browser, `${url}/login/demo?returnTo=/profile`)
    const stream = browser.get(`${url}/api/stream?count=3600`).catch(() => 'cut')
    await delay(100)

    app.signal('SIGTERM')
    await delay(100)
    app.signal('SIGTERM')

    expect(await app.exitCode).toBe(1)
    expect(await stream).toBe('cut')
  })
})

describe('with a provider of somebody else', () => {
  const BASIC = { CLIENT_ID: 'my-app', CLIENT_SECRET: 'the secret: of my/app' }

  test.each([
    ['the issuer', (issuer: string) => ({ ISSUER_URL: issuer, ...BASIC }), {}],
    [
      'the full URL of the metadata',
      (issuer: string) => ({ ISSUER_URL: `${issuer}/.well-known/openid-configuration`, ...BASIC }),
      {},
    ],
    [
      'client_secret_post',
      (issuer: string) => ({ ISSUER_URL: issuer, ...BASIC, CLIENT_AUTH_METHOD: 'client_secret_post' }),
      { tokenEndpointAuthMethod: 'client_secret_post' },
    ],
    [
      'a public client',
      (issuer: string) => ({ ISSUER_URL: issuer, CLIENT_ID: 'my-app' }),
      { tokenEndpointAuthMethod: 'none' },
    ],
  ] satisfies [string, (issuer: string) => Record<string, string>, Partial<RegisteredClient>][])(
    'signs in, calls the API, refreshes and signs out, set up with %s',
    async (_case, environmentFor, client) => {
      const { url, server, app } = await external(environmentFor, client)
      const tokens = recordTokens(server)
      const browser = newBrowser()

      const page = await signIn(browser, `${url}/me`)
      expect(page.json()).toMatchObject({ sub: 'alice' })
      expect((await browser.get(`${url}/api/orders`)).json()).toMatchObject({ owner: 'alice' })

      server.expireAccessTokens()
      expect((await browser.get(`${url}/api/orders`)).status).toBe(200)
      expect((await browser.get(`${url}/session`)).json()).toMatchObject({ signedIn: true, token: { generation: 2 } })

      const profile = await browser.navigate(`${url}/profile`)
      const question = await browser.navigate(`${url}/logout`, { method: 'POST', form: {}, from: profile.url })
      expect(question.url.origin).toBe(server.issuer)
      const goodbye = await browser.submitForm(question, { logout: 'yes' })
      expect(goodbye.url.href).toBe(`${url}/`)
      expect((await browser.get(`${url}/session`)).json()).toEqual({ signedIn: false })

      expect(tokens.length).toBeGreaterThanOrEqual(4)
      expect(tokens.filter((token) => (browser.transcript + app.output()).includes(token))).toEqual([])
    },
  )

  test('starts nothing beside the app', async () => {
    const listening = `data:text/javascript,import net from 'node:net'; const { listen } = net.Server.prototype;
      net.Server.prototype.listen = function (...given) { console.log('a server listens'); return listen.apply(this, given) }`
    const { app } = await external((issuer) => ({
      ISSUER_URL: issuer,
      ...BASIC,
      NODE_OPTIONS: `--import "${listening.replaceAll('\n', '').replaceAll(' ', '%20')}"`,
    }))

    expect(app.output().match(/a server listens/g)).toHaveLength(1)
    expect(app.output()).not.toContain('wonderland')
  })

  test('that is down, starts all the same, and says that nobody can sign in', async () => {
    const port = await freePort()
    const { url, ...app } = await demo({ ISSUER_URL: `http://127.0.0.1:${port}`, CLIENT_ID: 'my-app' })
    const browser = newBrowser()

    const [home, ready, login] = await Promise.all([
      browser.navigate(url),
      browser.get(`${url}/readyz`),
      browser.navigate(`${url}/login`),
    ])

    expect([home.status, ready.status, login.status]).toEqual([200, 503, 503])
    expect(ready.json()).toMatchObject({ status: 'degraded', provider: 'unreachable' })
    expect(app.output()).toContain('Nobody can sign in at the moment')
  })

  test('and without API_URL, says so at /api', async () => {
    const { url } = await external((issuer) => ({ ISSUER_URL: issuer, ...BASIC, API_URL: '' }))
    const browser = newBrowser()
    await signIn(browser, `${url}/me`)

    const answer = await browser.get(`${url}/api/orders`)
    const explorer = await browser.navigate(`${url}/explorer`)

    expect(answer.status).toBe(404)
    expect(answer.json()).toMatchObject({ detail: expect.stringContaining('API_URL') })
    expect(explorer.text).toContain('There is no API behind the proxy')
  })

  async function external(environmentFor: (issuer: string) => Record<string, string>, client = {}) {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const resourceServerClient = { clientId: 'their-api', clientSecret: 'the secret of their API' }
    const probe = environmentFor('')
    const server = await startTestAuthorizationServer({
      issuerHost: 'localhost',
      // As the specification has it, and as the demo is not: `offline_access` and consent, or no refresh token.
      refreshTokens: 'offline_access',
      clients: [
        {
          clientId: 'my-app',
          ...(probe['CLIENT_SECRET'] !== undefined && { clientSecret: probe['CLIENT_SECRET'] }),
          redirectUris: [`${url}/callback`],
          postLogoutRedirectUris: [`${url}/`],
          ...client,
        },
      ],
      resourceServerClient,
    })
    cleanups.push(() => server.close())
    const introspectionEndpoint = `${server.issuer}/token/introspection`
    const api = await startApi({ introspectionEndpoint, ...resourceServerClient })
    cleanups.push(() => api.close())
    const app = await demo({ PORT: String(port), BASE_URL: url, API_URL: api.url, ...environmentFor(server.issuer) })
    return { url, server, app }
  }
})

describe('with a preset', () => {
  test('HealthKey as its page has it: signs in, calls the API, and refreshes with everything in the query', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const client = { clientId: 'my-app', clientSecret: 'hk-secret-01', redirectUris: [`${url}/callback`] }
    const simulator = await startHealthKey({ client, switches: { placement: 'query' } })
    cleanups.push(() => simulator.close())
    const app = await demo({
      PORT: String(port),
      BASE_URL: url,
      PROVIDER: 'healthkey',
      PROVIDER_HOST: simulator.url,
      PROVIDER_TOKEN_REQUEST: 'query',
      CLIENT_ID: client.clientId,
      CLIENT_SECRET: client.clientSecret,
      API_URL: simulator.apiUrl,
    })
    const browser = newBrowser()
    expect((await browser.navigate(url)).text).toContain('<strong>HealthKey</strong>')

    expect((await signIn(browser, `${url}/profile`)).text).toContain('signed in at HealthKey')
    expect((await browser.get(`${url}/api/api/v1/profile`)).json()).toMatchObject({ id: 'alice' })
    simulator.expireAccessTokens()
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.get(`${url}/api/api/v1/profile`)))

    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200))
    expect(simulator.counters.refreshes).toBe(1)
    expect((await browser.get(`${url}/providers/healthkey`)).status).toBe(404)
    expect(app.output()).toContain(`${url}/callback (to be registered there)`)
  })

  test('PRIVO, whose redirect URI ends in a question mark and whose ID Token is checked: signs in and out', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const client = {
      clientId: 'my-app',
      clientSecret: 'secret:of_my-app',
      redirectUris: [`${url}/callback?`],
      postLogoutRedirectUris: [`${url}/`],
    }
    const simulator = await startPrivo({ client })
    cleanups.push(() => simulator.close())
    const app = await demo({
      PORT: String(port),
      BASE_URL: url,
      PROVIDER: 'privo',
      PROVIDER_HOST: simulator.url,
      PROVIDER_TOKEN_PATH: '/token',
      PROVIDER_REDIRECT_URI: `${url}/callback?`,
      PROVIDER_DISCOVERY: 'true',
      CLIENT_ID: client.clientId,
      CLIENT_SECRET: client.clientSecret,
    })
    const browser = newBrowser()

    const profile = await signIn(browser, `${url}/profile`)
    expect(profile.text).toContain('signed in at PRIVO')
    const goodbye = await browser.navigate(`${url}/logout`, { method: 'POST', form: {}, from: profile.url })

    expect(goodbye.url.href).toBe(`${url}/`)
    expect((await browser.get(`${url}/session`)).json()).toEqual({ signedIn: false })
    expect(simulator.log.map(({ path }) => path)).toEqual(expect.arrayContaining(['/token', '/logout']))
    expect(app.output()).toContain(`${url}/callback? (to be registered there)`)
  })
})

describe('a start that cannot be', () => {
  test('ends with one message that names every variable at fault', async () => {
    const { exitCode, output } = await runExampleApp({ PORT: 'http', ISSUER_URL: 'id.example', REDIS_URL: 'localhost' })

    expect(exitCode).toBe(1)
    for (const name of ['PORT', 'ISSUER_URL', 'CLIENT_ID', 'REDIS_URL'])
      expect(output).toMatch(new RegExp(`^ +${name} `, 'm'))
    expect(output).not.toMatch(/\bat \S+ \(|Error/)
  })

  test('ends with the way out when the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => new Promise((resolve) => other.close(() => resolve())))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0

    const { exitCode, output } = await runExampleApp({ PORT: String(port) })

    expect(exitCode).toBe(1)
    expect(output).toContain(`PORT: ${port} is in use`)
    expect(output).toMatch(/choose another, as in PORT=\d+/)
  })
})

async function demo(environment: Record<string, string> = {}): Promise<ExampleApp> {
  const app = await startExampleApp(environment)
  cleanups.push(() => app.stop())
  return app
}

function newBrowser(): Browser {
  const browser = new Browser()
  cleanups.push(() => browser.close())
  return browser
}

/** Every opaque token that the server makes, by its value. */
function recordTokens({ provider }: Awaited<ReturnType<typeof startTestAuthorizationServer>>): readonly string[] {
  const tokens: string[] = []
  provider.on('access_token.saved', ({ jti }) => tokens.push(jti))
  provider.on('refresh_token.saved', ({ jti }) => tokens.push(jti))
  return tokens
}
