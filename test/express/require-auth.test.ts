import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AuthError, latchkey, type Requirements } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET, startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { exchangeBytes } from '../support/raw-client.ts'

describe('the guard', () => {
  const passedOn: unknown[] = []
  let site: TestApp
  let alice: Browser
  beforeAll(async () => {
    site = await startTestApp({
      routes(app, auth) {
        const guards: Record<string, Requirements> = {
          scope: { scope: 'profile email' },
          'scope-list': { scope: ['openid', 'profile'] },
          'scope-spaces': { scope: ' openid   profile ' },
          'no-scope': { scope: 'openid admin' },
          'scope-part': { scope: 'prof' },
          claim: { claims: { name: 'Alice Liddell' } },
          'claim-one-of': { claims: { sub: ['bob', 'alice'] } },
          'no-claim': { claims: { sub: 'bob' } },
          'claim-missing': { claims: { department: 'sales' } },
          'claim-undefined': { claims: { department: undefined } },
          'claim-inherited': { claims: { constructor: Object } },
          'claims-one-wrong': { claims: { sub: 'alice', name: 'Bob' } },
          check: { check: (user, req) => user.sub === 'alice' && req.method === 'GET' },
          'async-check': { check: async (user) => user.sub === 'alice' },
          'no-check': { check: () => false },
          'no-async-check': { check: async () => false },
          'throwing-check': { check: () => { throw new Error('the check broke') } }, // prettier-ignore
          'rejecting-check': { check: async () => { throw new Error('the check broke') } }, // prettier-ignore
        }
        for (const [path, requirements] of Object.entries(guards))
          app.get(`/${path}`, auth.requireAuth(requirements), (_req, res) => void res.send('the page'))
        app.all('/any', auth.requireAuth(), (_req, res) => void res.send('the page'))
        app.use((error: unknown, _req: unknown, _res: unknown, next: (error: unknown) => void) => {
          passedOn.push(error)
          next(error)
        })
      },
    })
    // Its default error handler prints stacks.
    site.app.set('env', 'test')
    alice = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  async function ask(method: string, headers: Record<string, string>): Promise<{ status: number; head: string }> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const answer = await exchangeBytes(
      site.url,
      `${method} /any?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n${lines.join('')}\r\n`,
    )
    return { status: Number(answer.split(' ', 2)[1]), head: answer.slice(0, answer.indexOf('\r\n\r\n')) }
  }

  const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8'
  const navigate = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

  test.each<[string, string, Record<string, string>]>([
    ['an address that was typed', 'GET', { ...navigate, accept: HTML }],
    ['HEAD of a page', 'HEAD', { ...navigate, accept: HTML }],
    ['a navigation that names no destination', 'GET', { 'sec-fetch-mode': 'navigate' }],
    ['an old browser, by what it accepts', 'GET', { accept: HTML }],
    ['a navigation that accepts anything', 'GET', { ...navigate, accept: '*/*' }],
  ])('sends to the sign-in: %s', async (_what, method, headers) => {
    const { status, head } = await ask(method, headers)

    expect(status).toBe(303)
    expect(head).toMatch(/^location: \/login\?returnTo=%2Fany%3Fq%3D1$/im)
    expect(head).toMatch(/^cache-control: no-store$/im)
    expect(head).not.toMatch(/^set-cookie:/im)
  })

  test.each<[string, string, Record<string, string>]>([
    ['fetch()', 'GET', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*' }],
    ['fetch() that asks for HTML', 'GET', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: HTML }],
    ['fetch() of the same origin', 'GET', { 'sec-fetch-mode': 'same-origin', 'sec-fetch-dest': 'empty', accept: HTML }],
    ['an image', 'GET', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' }],
    ['a frame', 'GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', accept: HTML }],
    ['an embedded object', 'GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'embed', accept: HTML }],
    ['a prefetch', 'GET', { ...navigate, accept: HTML, 'sec-purpose': 'prefetch' }],
    ['a prerender', 'GET', { ...navigate, accept: HTML, 'sec-purpose': 'prefetch;prerender' }],
    ['a web socket', 'GET', { 'sec-fetch-mode': 'websocket', 'sec-fetch-dest': 'websocket' }],
    ['a form that posts', 'POST', { ...navigate, accept: HTML }],
    ['PUT', 'PUT', { ...navigate, accept: HTML }],
    ['DELETE', 'DELETE', { accept: HTML }],
    ['OPTIONS', 'OPTIONS', { accept: HTML }],
    ['XMLHttpRequest of an old browser', 'GET', { accept: HTML, 'x-requested-with': 'XMLHttpRequest' }],
    ['curl', 'GET', { accept: '*/*' }],
    ['a program that says nothing', 'GET', {}],
    ['a program that wants JSON', 'GET', { accept: 'application/json' }],
    ['HTML only as a part of another word', 'GET', { accept: 'text/htmlx' }],
  ])('answers 401: %s', async (_what, method, headers) => {
    const { status, head } = await ask(method, headers)

    expect(status).toBe(401)
    expect(head).toMatch(/^www-authenticate: /im)
    expect(head).not.toMatch(/^location:/im)
    expect(head).not.toMatch(/^set-cookie:/im)
  })

  test('the 401 says in problem details where to sign in', async () => {
    const answer = await site.browser().get(`${site.url}/any`)

    expect(answer.status).toBe(401)
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('www-authenticate')).toBe(`Latchkey realm="${site.url}", login_uri="${site.url}/login"`)
    expect(answer.json()).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      detail: expect.any(String),
      code: 'ERR_AUTH_REQUIRED',
      loginUrl: `${site.url}/login`,
    })
  })

  test('what it lets through is not to be stored, unless the route says otherwise', async () => {
    const answer = await alice.get(`${site.url}/any`)

    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('the return path keeps its query, and is none of our own routes', async () => {
    const page = await site.browser().navigate(`${site.url}/any?a=1&b=%2F%2Fx&c=ä`, { redirectLimit: 0 })

    const to = new URL(page.headers.get('location') ?? '', site.url)
    expect(to.searchParams.get('returnTo')).toBe('/any?a=1&b=%2F%2Fx&c=%C3%A4')
  })

  test.each(['any', 'scope', 'scope-list', 'scope-spaces', 'claim', 'claim-one-of', 'check', 'async-check'])(
    'lets alice in to /%s',
    async (path) => {
      expect(await alice.get(`${site.url}/${path}`)).toMatchObject({ status: 200, text: 'the page' })
    },
  )

  test.each([
    'no-scope',
    'scope-part',
    'no-claim',
    'claim-missing',
    'claim-undefined',
    'claim-inherited',
    'claims-one-wrong',
    'no-check',
    'no-async-check',
  ])('does not let alice in to /%s, and sends her nowhere', async (path) => {
    // prettier-ignore
    const answer = await alice.get(`${site.url}/${path}`)
    const page = await alice.navigate(`${site.url}/${path}`)

    expect(answer.status).toBe(403)
    expect(answer.json()).toMatchObject({ title: 'Forbidden', status: 403, code: 'ERR_AUTH_FORBIDDEN' })
    expect(answer.json()).not.toHaveProperty('loginUrl')
    expect(answer.headers.get('www-authenticate')).toBeNull()
    expect(page.status).toBe(403)
    expect(page.hops).toHaveLength(1)
    expect(page.text).toContain('<h1>You may not do this</h1>')
    expect(page.text).not.toContain('>Sign in<')
  })

  test('a scope that is missing is named', async () => {
    const answer = await alice.get(`${site.url}/no-scope`)

    expect(answer.json()).toMatchObject({ detail: 'the scope "admin" was not granted' })
  })

  test('nobody is asked for more before they have signed in', async () => {
    expect((await site.browser().get(`${site.url}/no-check`)).status).toBe(401)
    expect((await site.browser().get(`${site.url}/rejecting-check`)).status).toBe(401)
  })

  test.each(['throwing-check', 'rejecting-check'])('%s is an error of the application', async (path) => {
    const answer = await alice.get(`${site.url}/${path}`)

    expect(answer.status).toBe(500)
    expect(passedOn.at(-1)).toMatchObject({ message: 'the check broke' })
    expect(passedOn.at(-1)).not.toBeInstanceOf(AuthError)
  })
})

describe('a guard that cannot work', () => {
  const auth = latchkey({
    baseUrl: 'https://app.example',
    provider: oidc({ issuer: 'https://id.example', clientId: 'c' }),
    secret: SECRET,
  })

  test.each<[string, unknown, RegExp]>([
    ['an empty scope', { scope: '' }, /"scope" must be/],
    ['a scope of blanks', { scope: ' ' }, /"scope" must be/],
    ['a scope that is no text', { scope: 7 }, /"scope" must be/],
    ['a list with an empty scope', { scope: ['a', ''] }, /"scope(\.1)?" must be/],
    ['claims that are no object', { claims: 'admin' }, /"claims" must be/],
    ['a check that is no function', { check: true }, /"check" must be a function/],
    ['an unknown requirement', { scopes: 'a' }, /"scopes" is unknown; did you mean "scope"\?/],
  ])('is refused when it is made: %s', (_what, requirements, message) => {
    expect(() => auth.requireAuth(requirements as Requirements)).toThrow(message)
    expect(() => auth.requireAuth(requirements as Requirements)).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }),
    )
  })
})
