import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { exchangeBytes } from '../support/raw-client.ts'

let site: ProxiedApp
let browser: Browser
const rewriteWith = new Map<string, (path: string) => unknown>()
beforeAll(async () => {
  site = await startProxiedApp({
    routes(app, auth, upstream) {
      app.use('/some', auth.proxy(upstream.url, { allow: { methods: ['GET', 'POST'] } }))
      const paths = ['/orders', '/files/', /^\/items\/\d+$/, '/caf%C3%A9']
      app.use('/few', auth.proxy(`${upstream.url}/v1`, { allow: { paths } }))
      app.use(
        '/moved',
        auth.proxy(`${upstream.url}/v1`, {
          allow: { paths: ['/old'] },
          rewrite: (path) => path.replace('/old', '/new'),
        }),
      )
      app.use(
        '/rewritten',
        auth.proxy(`${upstream.url}/v1`, {
          rewrite: (path, req) => rewriteWith.get(String(req.headers['x-how']))?.(path) as string,
        }),
      )
    },
  })
  browser = await site.signedIn()
})
afterAll(async () => {
  await site.close()
})

async function sendRaw(head: string): Promise<string> {
  return exchangeBytes(
    site.url,
    `${head}\r\nHost: app\r\nCookie: ${browser.cookieHeader(site.url)}\r\nConnection: close\r\n\r\n`,
  )
}

describe('methods', () => {
  test.each(['GET', 'HEAD', 'POST'])('%s, which is allowed, is forwarded', async (method) => {
    expect((await browser.fetch(`${site.url}/some/x`, { method })).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.method).toBe(method)
  })

  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    '%s, which is not, gets 405 and what is',
    async (method) => {
      const before = site.upstream.requests.length

      const answer = await browser.fetch(`${site.url}/some/x`, { method })

      expect(answer.status).toBe(405)
      expect(answer.headers.get('allow')).toBe('GET, POST, HEAD')
      expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_METHOD' })
      expect(site.upstream.requests).toHaveLength(before)
    },
  )

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'x_http_method_override'])(
    'what is not allowed cannot be had through %s',
    async (name) => {
      const headers = { [name]: 'DELETE' }

      await browser.fetch(`${site.url}/some/x`, { method: 'POST', headers })
      expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty(name.toLowerCase())
      await browser.fetch(`${site.url}/up/x`, { method: 'POST', headers })
      expect(site.upstream.requests.at(-1)?.headers).toHaveProperty(name.toLowerCase(), 'DELETE')
    },
  )

  test.each(['/some/x', '/up/x'])('TRACE is never forwarded: %s', async (path) => {
    const before = site.upstream.requests.length

    expect(await sendRaw(`TRACE ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 405 [^]*\r\nAllow: GET, /)
    expect(site.upstream.requests).toHaveLength(before)
  })

  test('CONNECT gets no tunnel', async () => {
    const before = site.upstream.connections

    expect(await sendRaw(`CONNECT 127.0.0.1:${site.upstream.port} HTTP/1.1`)).not.toMatch(/^HTTP\/1\.1 2/)
    expect(site.upstream.connections).toBe(before)
  })
})

describe('paths', () => {
  test.each([
    '/orders',
    '/orders/',
    '/orders/7',
    '/orders?x=/secret',
    '/files/',
    '/files/a/b',
    '/items/12',
    '/items/12?x',
    '/caf%C3%A9/x',
  ])('%s, which is allowed, is forwarded', async (path) => {
    expect((await browser.get(`${site.url}/few${path}`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(`/v1${path}`)
  })

  test.each([
    '/',
    '',
    '/order',
    '/ordersx',
    '/orders.json',
    '/Orders',
    '/files',
    '/items/',
    '/items/12/x',
    '/items/x',
    '/secret?/orders',
    '/x/orders',
  ])('%s, which is not, gets 404', async (path) => {
    const before = site.upstream.requests.length

    const answer = await browser.get(`${site.url}/few${path}`)

    expect(answer.status).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_PATH' })
    expect(site.upstream.requests).toHaveLength(before)
  })

  test.each(['/orders/../secret', '/orders%2f..%2fsecret', '/orders//', '/orders;/../x'])(
    '%s is no way out',
    async (path) => {
      expect(await sendRaw(`GET /few${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 400 /)
    },
  )
})

describe('rewrite', () => {
  async function rewritten(path: string, how: (path: string) => unknown): Promise<number> {
    rewriteWith.set('now', how)
    return (await browser.get(`${site.url}/rewritten${path}`, { headers: { 'x-how': 'now' } })).status
  }

  test('what it returns is where the request goes, below the target', async () => {
    expect(await rewritten('/a/b?c=%41', (path) => `/x${path}&d`)).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe('/v1/x/a/b?c=%41&d')
  })

  test('what is allowed is decided on what came', async () => {
    expect((await browser.get(`${site.url}/moved/old/1`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe('/v1/new/1')
    expect((await browser.get(`${site.url}/moved/new/1`)).status).toBe(404)
  })

  test.each<[string, (path: string) => unknown]>([
    ['leaves the target', () => '/../secret'],
    ['names another host', () => '//evil.example/x'],
    ['is a URL', () => 'http://evil.example/x'],
    ['is no path', () => 'x'],
    ['is empty', () => ''],
    ['has another line', () => '/x HTTP/1.1\r\nX-Evil: 1\r\n\r\n'],
    ['is no string', () => undefined],
    ['will be a string', () => Promise.resolve('/x')],
    ['decodes what came', (path) => decodeURIComponent(path)],
  ])('a result that %s is a mistake of ours', async (_what, how) => {
    const before = site.upstream.requests.length

    expect(await rewritten('/a%20b', how)).toBe(500)
    expect(site.upstream.requests).toHaveLength(before)
    expect(site.events.findLast(({ type }) => type === 'error')).toMatchObject({ code: 'ERR_AUTH_SETUP' })
  })

  test('what it throws is one as well, and the next request is served', async () => {
    const thrown = new Error('of the application')
    expect(
      await rewritten('/a', () => {
        throw thrown
      }),
    ).toBe(500)
    expect(await rewritten('/a', (path) => path)).toBe(200)
  })
})
