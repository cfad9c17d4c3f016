import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { OutgoingHttpHeaders } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, exchangeBytes, receive } from '../support/raw-client.ts'

describe('headers on their way through the proxy', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      proxy: { forwardCookies: ['theme', 'lang', 'latchkey'] },
      routes(app, auth, upstream) {
        const forwardCookies = ['theme', 'lang', 'latchkey', '__Host-latchkey', 'LATCHKEY', '__host-Latchkey', '__Secure-latchkey', 'latchkey-admin'] // prettier-ignore
        app.use('/identified', auth.proxy(upstream.url, { identityHeaders: { 'x-user-id': 'sub' } }))
        app.use('/open', auth.proxy(upstream.url, { token: false }))
        app.use('/all-cookies', auth.proxy(upstream.url, { forwardCookies }))
        app.use(
          '/dressed',
          (_req, res, next) => {
            res.set({
              'Content-Security-Policy': "default-src 'self'",
              'Strict-Transport-Security': 'max-age=1',
              'Access-Control-Allow-Origin': 'https://own-middleware.example',
              'X-Frame-Options': 'DENY',
            })
            next()
          },
          auth.proxy(upstream.url),
        )
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  /** What the target saw of a request with these headers. */
  async function headersAtTarget(headers: OutgoingHttpHeaders): Promise<Record<string, unknown>> {
    site.upstream.answer((_req, res) => void res.end())
    await receive(await answerTo(beginRequest(browser, `${site.proxied}/x`, { headers }).end()))
    return site.upstream.requests.at(-1)?.headers as Record<string, unknown>
  }

  async function headersAtClient(headers: OutgoingHttpHeaders): Promise<Record<string, unknown>> {
    site.upstream.answer((_req, res) => void res.writeHead(200, headers).end(Buffer.from('ok')))
    const answer = await answerTo(beginRequest(browser, `${site.proxied}/x`).end())
    await receive(answer)
    return answer.headers
  }

  test('the target gets the access token and not what the caller put there', async () => {
    const seen = await headersAtTarget({ authorization: 'Bearer of-the-caller' })

    expect(seen['authorization']).toMatch(/^Bearer [\w-]{20,}$/)
    expect(seen['authorization']).not.toContain('of-the-caller')
  })

  test.each(['connection', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te'])(
    '"%s" of a request is about one connection and stays behind',
    async (name) => {
      const seen = await headersAtTarget({ [name]: name === 'connection' ? 'x-nothing' : 'some value' })

      expect(seen[name]).toBe(name === 'connection' ? 'keep-alive' : undefined)
    },
  )

  test('that the client takes trailers is told to the target, and nothing else of "te"', async () => {
    expect((await headersAtTarget({ te: 'gzip;q=0.5, trailers' }))['te']).toBe('trailers')
  })

  test.each(['keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'upgrade'])(
    '"%s" of an answer is about one connection and stays behind',
    async (name) => {
      const seen = await headersAtClient({ [name]: 'some value', 'x-other': 'stays' })

      expect(seen[name]).not.toBe('some value')
      expect(seen['x-other']).toBe('stays')
    },
  )

  test('trailers of a request, and their announcement, stay behind', async () => {
    let trailers: unknown
    site.upstream.answer((req, res) => {
      req.resume().once('end', () => {
        trailers = req.trailers
        res.end()
      })
    })
    const outgoing = beginRequest(browser, `${site.proxied}/x`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked', trailer: 'x-sum' },
    })
    outgoing.write('body')
    outgoing.addTrailers({ 'x-sum': '1' })
    outgoing.end()
    await receive(await answerTo(outgoing))

    expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty('trailer')
    expect(trailers).toEqual({})
  })

  test('what Connection names stays behind, both ways', async () => {
    const atTarget = await headersAtTarget({
      connection: 'X-Hop, x-Hop-Two',
      'x-hop': '1',
      'x-hop-two': '2',
      'x-end': '3',
    })
    const atClient = await headersAtClient({ connection: 'X-Hop, close', 'x-hop': '1', 'x-end': '3' })

    expect(atTarget).not.toHaveProperty('x-hop')
    expect(atTarget).not.toHaveProperty('x-hop-two')
    expect(atTarget['x-end']).toBe('3')
    expect(atClient).not.toHaveProperty('x-hop')
    expect(atClient['x-end']).toBe('3')
  })

  test('what several Connection lines name stays behind, both ways', async () => {
    const atTarget = await headersAtTarget({ connection: ['x-hop', 'x-hop-two'], 'x-hop': '1', 'x-hop-two': '2' })
    const atClient = await headersAtClient({ connection: ['x-hop', 'x-hop-two'], 'x-hop': '1', 'x-hop-two': '2' })

    for (const seen of [atTarget, atClient]) {
      expect(seen).not.toHaveProperty('x-hop')
      expect(seen).not.toHaveProperty('x-hop-two')
    }
  })

  test('Connection cannot take the token away', async () => {
    const seen = await headersAtTarget({ connection: 'authorization, x-forwarded-host, cookie' })

    expect(seen['authorization']).toMatch(/^Bearer /)
    expect(seen['x-forwarded-host']).toBe(new URL(site.url).host)
  })

  test('only cookies that the application named reach the target, and ours never does', async () => {
    browser.jar.setCookieSync('theme=dark', site.url)
    browser.jar.setCookieSync('lang="de; x"', site.url)
    browser.jar.setCookieSync('other=1', site.url)
    const seen = await headersAtTarget({})

    expect(browser.cookieHeader(site.url)).toMatch(/(^|; )latchkey=/)
    const names = String(seen['cookie'])
      .split('; ')
      .map((pair) => pair.split('=', 1)[0])
    expect(new Set(names)).toEqual(new Set(['lang', 'theme']))
  })

  test('without a list, no cookie reaches the target', async () => {
    const answer = await browser.post(
      `${site.url}/api/echo`,
      {},
      { headers: { cookie: `${browser.cookieHeader(site.url)}; a=b` } },
    )

    expect((answer.json() as { headers: string[] }).headers).not.toContain('cookie')
  })

  test('the target is told who called, by nobody but the proxy', async () => {
    const seen = await headersAtTarget({
      host: 'evil.example',
      forwarded: 'for=6.6.6.6',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
    })

    expect(seen).toMatchObject({
      host: new URL(site.upstream.url).host,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': new URL(site.url).host,
      'x-forwarded-proto': 'http',
      forwarded: `for=127.0.0.1;host="${new URL(site.url).host}";proto=http`,
    })
  })

  test('what the proxy says is taken from no caller, in whatever spelling', async () => {
    const names = [
      'X_Forwarded_For', 'x-forwarded_for', 'X.Forwarded.For', 'x-forwarded-port', 'x-forwarded-prefix', 'X-Forwarded-User', 'x_forwarded_server',
      'Forwarded', 'Forwarded-For', 'X-Forwarded', 'X-Original-Host', 'X-Host', 'CF-Connecting-IP', 'SSL-Client-Cert', 'X-SSL-Client-Verify', 'X-Auth-Request-User', 'X-Envoy-Original-Path', 'x-real-ip', 'X_Real_IP', 'true-client-ip', 'x-client-ip', 'x-original-url', 'x_rewrite_url', 'Client-Cert',
      'client_cert_chain', 'remote_user', 'proxy', 'proxy-x', 'proxy_authorization', 'content_length', 'transfer_encoding', 'Te', 'keep_alive',
      'http2-settings', 'x_remote_user', 'cookie2', 'AUTHORIZATION',
    ] // prettier-ignore
    const seen = await headersAtTarget(Object.fromEntries(names.map((name) => [name, 'mallory'])))

    expect(Object.entries(seen).filter(([, value]) => String(value).includes('mallory'))).toEqual([])
  })

  test('cookies of a session are never shown, whatever they are called today', async () => {
    const value = /latchkey=[^;]+/.exec(browser.cookieHeader(site.url))?.[0] ?? ''
    const cookie = `${value}; theme=a; latchkey=b; LATCHKEY=c; __Host-latchkey=d; __host-Latchkey=e; __Secure-latchkey=f; latchkey-admin=g; "latchkey"=h; lang=i; theme=j`
    const answer = await exchangeBytes(
      site.url,
      `GET /all-cookies/x HTTP/1.1\r\nHost: app\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
    )

    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(site.upstream.requests.at(-1)?.headers.cookie).toBe('theme=a; lang=i; theme=j')
  })

  test('of servers in front, those that the application trusts are believed', async () => {
    const send = async (headers: OutgoingHttpHeaders): Promise<Record<string, unknown>> => {
      site.app.set('trust proxy', (address: string) => address === '127.0.0.1' || address === '10.0.0.2')
      try {
        return await headersAtTarget(headers)
      } finally {
        site.app.set('trust proxy', false)
      }
    }
    const host = new URL(site.url).host

    expect(await send({ 'x-forwarded-for': '6.6.6.6, 203.0.113.7, 10.0.0.2' })).toMatchObject({
      'x-forwarded-for': '203.0.113.7, 10.0.0.2, 127.0.0.1',
      forwarded: `for=203.0.113.7, for=10.0.0.2, for=127.0.0.1;host="${host}";proto=http`,
    })
    expect(await send({ 'x-forwarded-for': '2001:db8::1, 10.0.0.2', forwarded: 'for=6.6.6.6' })).toMatchObject({
      forwarded: `for="[2001:db8::1]", for=10.0.0.2, for=127.0.0.1;host="${host}";proto=http`,
    })
    expect(await send({ 'x-forwarded-for': '"; host="evil' })).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      forwarded: `for=127.0.0.1;host="${host}";proto=http`,
    })
    expect(await send({ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' })).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
    })
  })

  test.each([
    ['authorization', 'Bearer echoed'],
    ['authentication-info', 'nextnonce="x"'],
    ['proxy-authentication-info', 'x'],
    ['clear-site-data', '"cookies"'],
    ['strict-transport-security', 'max-age=9; includeSubDomains'],
    ['public-key-pins', 'pin-sha256="x"'],
    ['alt-svc', 'h2="evil.example:443"'],
    ['nel', '{"report_to":"x","max_age":9,"include_subdomains":true}'],
    ['report-to', '{"group":"x","max_age":9,"endpoints":[{"url":"https://evil.example"}]}'],
    ['accept-ch', 'sec-ch-ua-full-version-list'],
    ['set-login', 'logged-out'],
    ['service-worker-allowed', '/'],
    ['x-accel-redirect', '/internal/secrets'],
    ['x-sendfile', '/etc/passwd'],
    ['access-control-allow-origin', '*'],
    ['access-control-allow-credentials', 'true'],
    ['access-control-expose-headers', 'x'],
  ])('"%s" of an answer is for us, or about the target\'s own host, and stays behind', async (name, value) => {
    expect(await headersAtClient({ [name]: value, 'x-other': 'stays' })).not.toHaveProperty(name)
  })

  test('what the application has set stays, unless the target says something else under that name', async () => {
    site.upstream.answer(
      (_req, res) => void res.writeHead(200, { 'x-frame-options': 'SAMEORIGIN', 'set-cookie': ['a=1', 'b=2'] }).end(),
    )
    const answer = await browser.get(`${site.url}/dressed/x`)

    expect(answer.setCookie).toEqual(expect.arrayContaining(['a=1', 'b=2']))

    expect(answer.headers.get('content-security-policy')).toBe("default-src 'self'")
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=1')
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://own-middleware.example')
    expect(answer.headers.get('x-frame-options')).toBe('SAMEORIGIN')
  })

  test('other headers pass byte for byte, also those that came twice', async () => {
    const seen = await headersAtTarget({
      'x-note': 'caf\u00e9',
      'accept-language': 'de, en;q=0.5',
      'x-many': ['a', 'b'],
    })
    const back = await headersAtClient({ 'x-note': 'caf\u00e9', 'x-many': ['a', 'b'], vary: 'accept' })

    expect(seen).toMatchObject({ 'x-note': 'caf\u00e9', 'accept-language': 'de, en;q=0.5', 'x-many': 'a, b' })
    expect(back).toMatchObject({ 'x-note': 'caf\u00e9', 'x-many': 'a, b', vary: 'accept' })
  })

  test('several Set-Cookie of the target reach the client, one that would replace ours does not', async () => {
    const seen = await headersAtClient({
      'set-cookie': [
        'a=1; Path=/',
        'b=2, with comma; Secure',
        'latchkey=evil; Path=/',
        ' latchkey =evil',
        'latchkeys=fine',
      ],
    })

    expect(seen['set-cookie']).toEqual(['a=1; Path=/', 'b=2, with comma; Secure', 'latchkeys=fine'])
  })

  test('a nameless cookie that browsers would send back as ours does not reach the client', async () => {
    const seen = await headersAtClient({
      'set-cookie': [
        '=latchkey=evil',
        ' = latchkey=evil',
        '==latchkey=evil',
        'latchkey; Path=/',
        '"latchkey"=evil',
        '\tlatchkey\t=evil',
        'LatchKey=evil',
        '__Host-latchkey=evil; Secure; Path=/',
        '__HOST-latchkey=evil',
        '__secure-latchkey=evil',
        'latchkey-admin=evil',
        'ok=1',
      ],
    })

    expect(seen['set-cookie']).toEqual(['ok=1'])
  })

  test('an answer is not to be stored unless the target says how', async () => {
    expect((await headersAtClient({}))['cache-control']).toBe('no-store')
    expect((await headersAtClient({ 'cache-control': 'private, max-age=5' }))['cache-control']).toBe(
      'private, max-age=5',
    )
  })

  // A shared cache takes the browser's request for one without `Authorization` (RFC 9111 §3.5).
  test.each([
    ['max-age=60', 'private, max-age=60'],
    ['no-cache', 'private, no-cache'],
    ['private="set-cookie", max-age=60', 'private, private="set-cookie", max-age=60'],
    ['x-public-holiday', 'private, x-public-holiday'],
    ['publicly, max-age=60', 'private, publicly, max-age=60'],
    ['no-cache="a, public"', 'private, no-cache="a, public"'],
    ['ext="\\", public, "', 'private, ext="\\", public, "'],
    ['no-cache="a, public', 'private, no-cache="a, public'],
    ['no-cache="a, public\\', 'private, no-cache="a, public\\'],
    ['max-age=60; public', 'private, max-age=60; public'],
    ['max-age=60, s-maxage', 'private, max-age=60, s-maxage'],
    ['must-understand, no-store', 'private, must-understand, no-store'],
    ['', 'private'],
    ['Public, max-age=60', 'Public, max-age=60'],
    ['max-age=0,must-revalidate', 'max-age=0,must-revalidate'],
    ['S-MaxAge=60', 'S-MaxAge=60'],
    ['No-Store', 'No-Store'],
    ['max-age=60, private', 'max-age=60, private'],
  ])('an answer that is kept, unless told otherwise, by the user’s browser alone: "%s"', async (said, expected) => {
    const seen = await headersAtClient({ 'cache-control': said, 'cdn-cache-control': said })

    expect(seen).toMatchObject({ 'cache-control': expected, 'cdn-cache-control': expected })
  })

  test('which lines say that together is not changed', async () => {
    site.upstream.answer((_req, res) => void res.setHeader('cache-control', ['max-age=60', 'public']).end('ok'))

    expect((await browser.get(`${site.proxied}/x`)).headers.get('cache-control')).toBe('max-age=60, public')
  })

  test.each([
    ['Accept, authorization', 'cookie, Accept, authorization'],
    ['X_User-Id', 'cookie, X_User-Id'],
    ['accept-encoding, x-authorization', 'accept-encoding, x-authorization'],
  ])('an answer that varies with what only the target sees varies with the cookie: "%s"', async (said, expected) => {
    site.upstream.answer(
      (_req, res) => void res.writeHead(200, { 'cache-control': 'public, max-age=60', vary: said }).end('ok'),
    )
    const answer = await browser.get(`${site.url}/identified/x`)

    expect([answer.headers.get('vary'), answer.headers.get('cache-control')]).toEqual([expected, 'public, max-age=60'])
  })

  test.each(['edge-control', 'surrogate-control', 'x-accel-expires'])(
    'what a target says to a cache of its own is not said to ours: %s',
    async (name) => {
      expect(await headersAtClient({ [name]: 'max-age=60' })).not.toHaveProperty(name)
    },
  )

  test.each([
    ['to whom nobody is signed in', async () => (await fetch(`${site.url}/open/x`)).headers, 'max-age=60', '60'],
    ['by a guard alone', async () => (await browser.get(`${site.url}/open/x`)).headers, 'private, max-age=60', null],
  ])('without a token: %s', async (_who, ask, expected, surrogate) => {
    site.upstream.answer(
      (_req, res) => void res.writeHead(200, { 'cache-control': 'max-age=60', 'x-accel-expires': '60' }).end('ok'),
    )
    const seen = await ask()

    expect([seen.get('cache-control'), seen.get('x-accel-expires')]).toEqual([expected, surrogate])
  })

  test('the token does not come back with the answer', async () => {
    const answer = await browser.get(`${site.url}/api/orders`)
    const sent = site.upstream.requests.at(-1)?.headers.authorization?.slice('Bearer '.length) ?? 'missing'

    expect(answer.status).toBe(200)
    expect(browser.transcript).not.toContain(sent)
  })
})
