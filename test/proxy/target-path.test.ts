import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { exchangeBytes } from '../support/raw-client.ts'

describe('where a request goes', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      targetPath: '/v1/',
      routes: (app, auth, upstream) => {
        app.use('/bare-open', auth.proxy(upstream.url))
        app.use('/bare', auth.requireAuth(), auth.proxy(upstream.url))
        app.use('/deep', auth.requireAuth(), auth.proxy(new URL(`${upstream.url}/a/b`)))
        app.all('/only/this', auth.requireAuth(), auth.proxy(upstream.url))
      },
    })
    browser = await site.signedIn()
    site.upstream.answer((_req, res) => void res.end('fine'))
  })
  afterAll(async () => {
    await site.close()
  })

  /** Sends the address as it is, which no URL parser has touched. */
  async function send(address: string): Promise<{ status: number; body: string }> {
    const answer = await exchangeBytes(
      site.url,
      `GET ${address} HTTP/1.1\r\nHost: app\r\nCookie: ${browser.cookieHeader(site.url)}\r\nConnection: close\r\n\r\n`,
    )
    return { status: Number(answer.split(' ', 2)[1]), body: answer.slice(answer.indexOf('\r\n\r\n') + 4) }
  }

  test.each([
    ['/up/orders', '/v1/orders'],
    ['/up/orders/', '/v1/orders/'],
    ['/up', '/v1/'],
    ['/up/', '/v1/'],
    ['/up?a=1', '/v1/?a=1'],
    ['/bare/orders', '/orders'],
    ['/bare', '/'],
    ['/deep/orders', '/a/b/orders'],
    ['/only/this?x', '/only/this?x'],
  ])('%s is %s there', async (address, expected) => {
    expect((await send(address)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(expected)
  })

  test.each([
    'q=a+b&q=c%20d',
    'empty=&novalue&=',
    'x=%C3%A9&y=%e9&z=%',
    'a=1&a=2&a[]=3&b[c]=d',
    'path=../../x&u=https://h/?q',
    '?a=?&&&',
    'tilde=~!*()\',;:@$"<>\\^`{|}',
    'encoded=%2e%2e%2f',
  ])('the query %s arrives byte for byte', async (query) => {
    expect((await send(`/up/find?${query}`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(`/v1/find?${query}`)
  })

  test.each([
    '/caf%C3%A9',
    '/caf%c3%a9',
    '/.well-known/x',
    '/a..b',
    '/...',
    '/~u/a.',
    '/a%20b',
    '/50%25',
    '/50%25off',
    '/*',
    '/a:b@c',
    '/a%3Ab%40c%2Cd%26e%2Bf%3Dg',
    "/!$&'()*+,=",
    '/[a]|b^"<>`{}',
    '/%E2%80%A6',
    '/%F0%9F%98%80',
    '/Orders',
  ])('the path %s arrives byte for byte', async (path) => {
    expect((await send(`/up${path}`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(`/v1${path}`)
  })

  const AMBIGUOUS: Readonly<Record<string, readonly string[]>> = {
    'dot segments': ['/..', '/../secret', '/./x', '/a/../../secret', '/a/..', '/a/.', '/a/..?x=1'],
    'encoded dots': ['/%2e%2e/secret', '/%2E%2E/secret', '/.%2e/secret', '/%2e./secret', '/a/%2e?x', '/x%2ejson'],
    'dots encoded twice': ['/%252e%252e/secret', '/%252E./secret', '/%25252e%25252e/secret', '/.%25%32%65/secret'],
    'dots with something behind them': [
      '/..;/secret',
      '/a/..;x=1/secret',
      '/..%00/secret',
      '/..%20/secret',
      '/..%3b/secret',
    ],
    'encoded slashes': ['/a%2fb', '/a%2Fb', '/..%2fsecret', '/a/%2e%2e%2f%2e%2e%2fsecret', '/a%252fb', '/%2f/evil'],
    backslashes: ['/..\\secret', '/a\\..\\secret', '/a\\b', '/a%5cb', '/..%5Csecret', '/a%255cb', '/\\evil'],
    'overlong UTF-8': ['/%c0%ae%c0%ae/secret', '/%e0%80%ae/x', '/a%c0%afb', '/%f0%80%80%af', '/%c1%9c'],
    'no UTF-8': ['/%e9', '/%ff', '/%ed%a0%80', '/%c3', '/%f5%80%80%80'],
    'other slashes and dots': [
      '/a%ef%bc%8fb',
      '/%ef%bc%8e%ef%bc%8e/secret',
      '/%e2%80%a5/secret',
      '/a%ef%bc%bcb',
      '/%e2%84%80',
    ],
    'encoded letters and digits': ['/%61dmin', '/admi%6E', '/%41', '/v%31', '/a%2db', '/a%5Fb', '/%7eroot'],
    'empty segments': ['//', '//secret', '//evil.example/x', '/a//b', '/a//', '/a/b//?x'],
    'path parameters': ['/a;v=1/b', '/a;', '/;/secret', '/a;jsessionid=1', '/a%3bv=1'],
    'encoded ends of the path': ['/a%3fb', '/a%3Fb', '/a%23b', '/a%253fb'],
    'control characters': ['/a%00b', '/a%0d%0aX: y', '/a%0D%0Ab', '/a%09b', '/a%1f', '/a%7F'],
    'bad encodings': ['/%', '/a%2', '/a%zz', '/%u002e%u002e/secret', '/%%32%65', '/a%2%65'],
    fragments: ['/a#b', '/a?b#c', '/#', '/?#', '/..#'],
  }

  test.each(Object.entries(AMBIGUOUS))(
    '%s, which two servers could read in two ways, are refused',
    async (_what, paths) => {
      const before = site.upstream.requests.length
      for (const path of paths) {
        const { status, body } = await send(`/up${path.replace(' ', '%20')}`)
        expect([path, status]).toEqual([path, 400])
        expect(JSON.parse(body)).toMatchObject({
          status: 400,
          code: 'ERR_AUTH_REQUEST',
          detail: expect.stringMatching(/its path/) as unknown,
        })
      }
      expect(site.upstream.requests).toHaveLength(before)
    },
  )

  test.each(['', '/..', '/%2e%2e/secret', '//x'])(
    'they are refused before anybody asks who it is: %s',
    async (path) => {
      const answer = await exchangeBytes(
        site.url,
        `GET /bare-open${path === '' ? '//' : path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`,
      )

      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    },
  )

  test.each(['/up/caf\u00e9', '/up/a\tb', '/up/a\u0001', '/up/a b'])(
    'raw bytes that belong encoded never get there: %j',
    async (address) => {
      const before = site.upstream.requests.length

      expect((await send(address)).status).toBe(400)
      expect(site.upstream.requests).toHaveLength(before)
    },
  )

  test('an address with a host in it goes nowhere, also if the host is ours', async () => {
    const before = site.upstream.requests.length

    for (const origin of [site.upstream.url, site.url, 'http://app', 'HTTP://app', 'https://app'])
      expect((await send(`${origin}/up/orders`)).status).toBe(400)
    expect(site.upstream.requests).toHaveLength(before)
  })
})
