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
    'path=../../x&u=https://h/?q#',
    '?a=?&&&',
    'tilde=~!*()\',;:@$"<>\\^`{|}',
    'encoded=%2e%2e%2f',
  ])('the query %s arrives byte for byte', async (query) => {
    expect((await send(`/up/find?${query}`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(`/v1/find?${query}`)
  })

  test.each([
    '/a%2Fb',
    '/a%2fb',
    '/caf%C3%A9',
    '/a//b',
    '//a',
    '/a;v=1/b',
    '/.well-known/x',
    '/a..b',
    '/...',
    '/~u/a.',
    '/%20',
    '/a%00b',
    '/*',
    '/a:b@c',
  ])('the path %s arrives byte for byte', async (path) => {
    expect((await send(`/up${path}`)).status).toBe(200)
    expect(site.upstream.requests.at(-1)?.url).toBe(`/v1${path}`)
  })

  test.each([
    '/..',
    '/../secret',
    '/./x',
    '/a/../../secret',
    '/a/..',
    '/a/.',
    '/%2e%2e/secret',
    '/%2E%2E/secret',
    '/.%2e/secret',
    '/%2e./secret',
    '/a/%2e%2e%2f%2e%2e%2fsecret',
    '/..%2fsecret',
    '/..%5csecret',
    '/..\\secret',
    '/a\\..\\secret',
    '/..;/secret',
    '/a/..;x=1/secret',
    '/a/..?x=1',
  ])('%s, which could lead out of the target, is refused', async (path) => {
    const before = site.upstream.requests.length

    const { status, body } = await send(`/up${path}`)

    expect(status).toBe(400)
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'ERR_AUTH_REQUEST' })
    expect(site.upstream.requests).toHaveLength(before)
  })

  test('an address with a host in it goes nowhere else', async () => {
    const before = site.upstream.requests.length

    const { status } = await send(`http://127.0.0.1:${site.upstream.port}/up/orders`)

    expect(status).toBe(400)
    expect(site.upstream.requests).toHaveLength(before)
  })
})
