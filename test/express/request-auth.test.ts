import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Readable } from 'node:stream'
import type { Request, Response } from 'express'
import type { AuthError } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { passInteractions } from '../support/sign-in.ts'
import { echo, readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

type BodyInit = NonNullable<RequestInit['body']>
const codeOf = (error: unknown): string => (error as AuthError).code
const nameOf = (error: unknown): string => (error as Error).name

type Handler = (req: Request, res: Response) => void | Promise<void>

describe('req.auth', () => {
  let handler: Handler = (_req, res) => void res.end()
  let site: TestApp
  let upstream: Upstream
  let alice: Browser
  let refreshesBefore = 0
  beforeAll(async () => {
    site = await startTestApp({
      routes: (app) => void app.all('/try', async (req, res) => handler(req, res)),
      provider: { scope: 'openid profile email' },
    })
  })
  beforeEach(async () => {
    upstream = await startUpstream()
    alice = await site.signedIn()
    refreshesBefore = site.authorizationServer.tokenRequests('refresh_token').length
  })
  afterEach(async () => {
    await upstream.close()
  })
  afterAll(async () => {
    await site.close()
  })

  /** What the handler makes of a request of this browser. */
  async function inHandler(browser: Browser, use: (req: Request) => unknown): Promise<unknown> {
    handler = async (req, res) => void res.json((await use(req)) ?? null)
    const answer = await browser.get(`${site.url}/try`)
    return answer.json()
  }

  const refreshes = (): number => site.authorizationServer.tokenRequests('refresh_token').length - refreshesBefore

  /** The token that comes first is refused from then on. */
  function refuseFirstToken(): void {
    let refused: string | undefined
    upstream.answer((req, res) => {
      refused ??= req.headers.authorization
      if (req.headers.authorization !== refused) return echo(req, res)
      void readBytes(req).then(() => res.writeHead(401).end('no'))
    })
  }

  test('knows who is signed in, without their tokens', async () => {
    const seen = (await inHandler(alice, ({ auth }) => ({
      ...auth,
      in: auth.isAuthenticated,
      user: auth.user,
      at: auth.signedInAt,
    }))) as {
      user: Record<string, unknown>
      at: number
    }

    expect(seen).toMatchObject({ in: true, user: { sub: 'alice', name: 'Alice Liddell' } })
    expect(Math.abs(seen.at - Date.now())).toBeLessThan(60_000)
    expect(Object.keys(seen.user)).not.toEqual(expect.arrayContaining(['nonce', 'at_hash', 'aud', 'exp']))
    expect(JSON.stringify(seen)).not.toMatch(/token/i)
  })

  test('knows nobody where nobody is signed in', async () => {
    const seen = await inHandler(site.browser(), ({ auth }) => [auth.isAuthenticated, auth.user, auth.signedInAt])

    expect(seen).toEqual([false, null, null])
  })

  test.each<[string, (req: Request) => Promise<unknown>]>([
    ['accessToken()', ({ auth }) => auth.accessToken()],
    ['fetch()', ({ auth }) => auth.fetch('http://127.0.0.1:9')],
    ['userInfo()', ({ auth }) => auth.userInfo()],
    ['grant()', ({ auth }) => auth.grant()],
  ])('%s fails with ERR_AUTH_REQUIRED where nobody is signed in', async (_name, call) => {
    const code = await inHandler(site.browser(), (req) => call(req).catch(codeOf))

    expect(code).toBe('ERR_AUTH_REQUIRED')
  })

  test('fetch() adds the token and passes everything else', async () => {
    upstream.answer(echo)
    const seen = await inHandler(alice, async ({ auth }) => {
      const init = { method: 'PUT', body: 'text', headers: { 'x-note': 'n', authorization: 'Basic of-the-caller' } }
      const answer = await auth.fetch(new URL(`${upstream.url}/a?b`), init)
      return answer.json()
    })

    expect(seen).toEqual({ method: 'PUT', url: '/a?b', body: 'text' })
    expect(upstream.requests[0]?.headers).toMatchObject({ 'x-note': 'n' })
    expect(upstream.requests[0]?.headers.authorization).toMatch(/^Bearer [\w-]{20,}$/)
  })

  test.each<[string, () => BodyInit | undefined, string]>([
    ['no body', () => undefined, ''],
    ['text', () => 'some text', 'some text'],
    ['bytes', () => new Uint8Array([97, 98]), 'ab'],
    ['a form', () => new URLSearchParams({ a: '1' }), 'a=1'],
    ['a blob', () => new Blob(['blob']), 'blob'],
  ])('fetch() repeats a refused request with %s once, with a new token', async (_what, body, expected) => {
    refuseFirstToken()

    const seen = await inHandler(alice, async ({ auth }) => {
      const sent = body()
      const answer = await auth.fetch(`${upstream.url}/x`, {
        method: 'POST',
        ...(sent !== undefined && { body: sent }),
      })
      return answer.json()
    })

    expect(seen).toMatchObject({ body: expected })
    expect(upstream.requests).toHaveLength(2)
    expect(refreshes()).toBe(1)
  })

  test('fetch() repeats once only: a second refusal is the answer', async () => {
    upstream.answer((_req, res) => void res.writeHead(401).end('never'))

    expect(await inHandler(alice, async ({ auth }) => (await auth.fetch(upstream.url)).status)).toBe(401)
    expect(upstream.requests).toHaveLength(2)
  })

  test.each<[string, () => BodyInit]>([
    ['a web stream', () => new Blob(['streamed']).stream() as BodyInit],
    ['a Node stream', () => Readable.from([Buffer.from('streamed')]) as unknown as BodyInit],
    ['an async generator', () => (async function* parts() { yield Buffer.from('streamed') })() as unknown as BodyInit], // prettier-ignore
  ])('fetch() cannot repeat %s: the refusal is the answer', async (_what, body) => {
    refuseFirstToken()

    const status = await inHandler(alice, async ({ auth }) => {
      const init = { method: 'POST', body: body(), duplex: 'half' } as RequestInit
      return (await auth.fetch(upstream.url, init)).status
    })

    expect(status).toBe(401)
    expect(upstream.requests).toHaveLength(1)
  })

  test('fetch() does not carry the token to where a redirect leads on another origin', async () => {
    const elsewhere = await startUpstream()
    upstream.answer((_req, res) => void res.writeHead(307, { location: `${elsewhere.url}/trap` }).end())
    elsewhere.answer(echo)

    await inHandler(alice, async ({ auth }) => (await auth.fetch(`${upstream.url}/x`)).status)

    expect(elsewhere.requests).toHaveLength(1)
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('authorization')
    await elsewhere.close()
  })

  test.each([
    'http://api.example/x',
    'ftp://127.0.0.1/x',
    'file:///etc/passwd',
    '/relative',
    'https://u:p@api.example',
    'nonsense',
  ])('fetch() sends no token to %s', async (url) => {
    const code = await inHandler(alice, ({ auth }) => auth.fetch(url).catch(codeOf))

    expect(code).toMatch(/^ERR_AUTH_/)
  })

  test('200 fetch() that find the token refused cost one refresh', async () => {
    site.authorizationServer.expireAccessTokens()

    const statuses = await inHandler(alice, async ({ auth }) => {
      const answers = await Promise.all(Array.from({ length: 200 }, () => auth.fetch(`${site.api.url}/orders`)))
      return answers.map(({ status }) => status)
    })

    expect(statuses).toEqual(Array(200).fill(200))
    expect(refreshes()).toBe(1)
  })

  test('fetch() can be given up', async () => {
    upstream.answer(() => {})
    const name = await inHandler(alice, async ({ auth }) => {
      const stop = new AbortController()
      const asked = auth.fetch(upstream.url, { signal: stop.signal }).catch(nameOf)
      setTimeout(() => stop.abort(), 50)
      return asked
    })

    expect(name).toBe('AbortError')
  })

  test('accessToken() is a token that the API accepts, also long after the first has expired', async () => {
    const ask = async ({ auth }: Request): Promise<number> => {
      const headers = { authorization: `Bearer ${await auth.accessToken()}` }
      return (await fetch(`${site.api.url}/orders`, { headers })).status
    }

    expect(await inHandler(alice, ask)).toBe(200)
    site.clock.advance({ seconds: 3_600 })
    expect(await inHandler(alice, ask)).toBe(200)
    expect(refreshes()).toBe(1)
  })

  test('userInfo() has the claims of the same end-user', async () => {
    expect(await inHandler(alice, ({ auth }) => auth.userInfo())).toMatchObject({ sub: 'alice', name: 'Alice Liddell' })
  })

  test('grant() says how it is doing, and no token', async () => {
    const first = await inHandler(alice, ({ auth }) => auth.grant())
    site.clock.advance({ seconds: 61 })
    await alice.get(`${site.url}/api/orders`)
    const second = await inHandler(alice, ({ auth }) => auth.grant())

    expect(first).toMatchObject({ generation: 1, isRefreshable: true, expiresAt: expect.any(Number) })
    expect(second).toMatchObject({ generation: 2, isRefreshable: true })
    expect(JSON.stringify([first, second])).not.toMatch(/token/i)
  })

  test('login() begins a sign-in from any handler, with parameters of the application’s choice', async () => {
    handler = ({ auth }) =>
      auth.login({ returnTo: '/me?x', parameters: { prompt: 'login', login_hint: 'al' }, maxAge: 60 })

    const page = await site.browser().navigate(`${site.url}/try`, { redirectLimit: 0 })

    const to = new URL(page.headers.get('location') ?? '')
    expect(page.status).toBe(303)
    expect(to.origin).toBe(site.authorizationServer.issuer)
    expect(Object.fromEntries(to.searchParams)).toMatchObject({ prompt: 'login', login_hint: 'al', max_age: '60' })
  })

  test('login() passes on what it knows and nothing else, whatever a form had in it', async () => {
    const form = { prompt: 'login', redirect_uri: 'https://evil.example', request_uri: 'urn:x', max_age: '0' }
    handler = ({ auth }) => auth.login({ parameters: form })

    const page = await site.browser().navigate(`${site.url}/try`, { redirectLimit: 0 })

    const { searchParams } = new URL(page.headers.get('location') ?? '')
    expect(searchParams.get('redirect_uri')).toBe(`${site.url}/callback`)
    expect(searchParams.get('prompt')).toBe('login')
    expect([searchParams.has('request_uri'), searchParams.has('max_age')]).toEqual([false, false])
  })

  test.each(['https://evil.example/x', '//evil.example', '/login', '/logout?x', '/callback'])(
    'login() does not return to %s',
    async (returnTo) => {
      handler = ({ auth }) => auth.login({ returnTo })
      const browser = site.browser()

      const page = await passInteractions(browser, await browser.navigate(`${site.url}/try`))

      expect(page.url.href).toBe(`${site.url}/`)
    },
  )

  test('logout() ends the session and the grant', async () => {
    handler = ({ auth }) => auth.logout()

    const page = await alice.navigate(`${site.url}/try`, { redirectLimit: 0 })

    expect(page.status).toBe(303)
    expect(page.headers.get('location')).toMatch(/\/session\/end\?/)
    expect((await alice.get(`${site.url}/me`)).status).toBe(401)
    expect(site.events.at(-1)).toMatchObject({ type: 'sign-out', subject: 'alice' })
  })

  test('logout() where nobody is signed in leads home', async () => {
    handler = ({ auth }) => auth.logout()

    const page = await site.browser().navigate(`${site.url}/try`, { redirectLimit: 0 })

    expect(page.headers.get('location')).toBe('/')
  })

  test('a grant that is over while a handler works on it ends the sign-in, and the rest of the session stays', async () => {
    handler = (req, res) => {
      const session = req.session as unknown as Record<string, unknown>
      session['cart'] = ['tea']
      res.end()
    }
    await alice.get(`${site.url}/try`)
    site.authorizationServer.revokeEverything()
    site.clock.advance({ seconds: 61 })

    const seen = await inHandler(alice, async ({ auth, session }) => {
      const code = await auth.accessToken().catch(codeOf)
      return [code, auth.isAuthenticated, (session as unknown as Record<string, unknown>)['cart']]
    })
    const after = await inHandler(alice, ({ auth, session }) => [
      auth.isAuthenticated,
      (session as unknown as Record<string, unknown>)['cart'],
    ])

    expect(seen).toEqual(['ERR_AUTH_REVOKED', false, ['tea']])
    expect(after).toEqual([false, ['tea']])
  })
})
