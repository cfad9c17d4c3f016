import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createServer, type Server, type Socket } from 'node:net'
import type { Answer, Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

describe('a target in trouble', () => {
  let site: ProxiedApp
  let browser: Browser
  let silent: Server
  const sockets = new Set<Socket>()
  beforeAll(async () => {
    silent = createServer((socket) => sockets.add(socket.on('error', () => {})))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const silentPort = typeof address === 'object' && address !== null ? address.port : 0
    site = await startProxiedApp({
      proxy: { headersTimeoutMs: 100, idleTimeoutMs: 100 },
      routes(app, auth) {
        app.use('/refused', auth.requireAuth(), auth.proxy('http://127.0.0.1:9'))
        app.use('/open', auth.proxy('http://127.0.0.1:9', { token: false }))
        app.use('/unknown', auth.requireAuth(), auth.proxy('https://target.invalid'))
        // It takes the connection and then says nothing, so TLS never stands.
        const noTls = `https://127.0.0.1:${silentPort}`
        app.use('/mute', auth.requireAuth(), auth.proxy(noTls, { connectTimeoutMs: 100 }))
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => silent.close(resolve))
  })

  function expectProblem(answer: Answer, status: number, code: string): void {
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.json()).toMatchObject({ type: 'about:blank', status, code })
    // Nothing of where, how or in what code it failed.
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|ENOTFOUND|UND_|invalid|undici|node:|\.[jt]s\b|:\d{4,5}/)
  }

  test('that nobody listens at is 502', async () => {
    expectProblem(await browser.get(`${site.url}/refused/x`), 502, 'ERR_AUTH_UPSTREAM')
  })

  test('whose name is not known is 502', async () => {
    expectProblem(await browser.get(`${site.url}/unknown/x`), 502, 'ERR_AUTH_UPSTREAM')
  })

  test('that closes the connection instead of answering is 502', async () => {
    site.upstream.answer((req) => void req.socket.destroy())

    expectProblem(await browser.get(`${site.proxied}/x`), 502, 'ERR_AUTH_UPSTREAM')
  })

  test.each(['no http at all', 'HTTP/1.1 abc\r\n\r\n', 'HTTP/1.1 200 OK\r\nbad header\r\n\r\n'])(
    'that answers %j is 502',
    async (bytes) => {
      site.upstream.answer((req) => void req.socket.end(bytes))

      expectProblem(await browser.get(`${site.proxied}/x`), 502, 'ERR_AUTH_UPSTREAM')
    },
  )

  test('whose connection does not come about in time is 504', async () => {
    expectProblem(await browser.get(`${site.url}/mute/x`), 504, 'ERR_AUTH_UPSTREAM_TIMEOUT')
  })

  test('that does not begin to answer in time is 504', async () => {
    site.upstream.answer(() => {})

    expectProblem(await browser.get(`${site.proxied}/x`), 504, 'ERR_AUTH_UPSTREAM_TIMEOUT')
  })

  test('that stops in the middle of its answer cuts it off', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(200, { 'content-length': '100' }).write('a part'))
    site.events.length = 0

    const answer = await answerTo(beginRequest(browser, `${site.proxied}/x`).end())

    expect(await receive(answer)).toEqual({ text: 'a part', end: 'cut' })
    await until(() => site.events.length > 0, 'it is told of')
    expect(site.events).toMatchObject([{ type: 'error', code: 'ERR_AUTH_UPSTREAM_TIMEOUT', route: '/up/x' }])
  })

  test('that goes away in the middle of its answer cuts it off, and why is told', async () => {
    site.upstream.answer((req, res) => {
      res.writeHead(200, { 'content-length': '100' }).write('a part')
      setImmediate(() => req.socket.destroy())
    })
    site.events.length = 0

    const answer = await answerTo(beginRequest(browser, `${site.proxied}/x`).end())

    expect(await receive(answer)).toEqual({ text: 'a part', end: 'cut' })
    await until(() => site.events.length > 0, 'it is told of')
    expect(site.events).toMatchObject([
      { type: 'error', code: 'ERR_AUTH_UPSTREAM', error: { cause: { code: 'UND_ERR_SOCKET' } } },
    ])
  })

  test('is told to a person in words, with the way home', async () => {
    const page = await browser.navigate(`${site.url}/refused/x`)

    expect(page.status).toBe(502)
    expect(page.text).toContain('<h1>Please try again in a moment</h1>')
    expect(page.text).not.toMatch(/127\.0\.0\.1:9|ECONN/)
  })

  test.each(['application/json', 'text/html'])(
    'leaves who is signed in signed in, and says of nobody else that they were (%s)',
    async (accept) => {
      const answer = await fetch(`${site.url}/open/x`, { headers: { accept } })

      expect(answer.status).toBe(502)
      expect(await answer.text()).toMatch(/If you are signed in, you stay so/)
    },
  )

  test('is told to the application, cause included, without the token', async () => {
    const before = site.events.length
    await browser.get(`${site.url}/refused/x`)

    const told = site.events.slice(before)
    expect(told).toMatchObject([
      { type: 'error', code: 'ERR_AUTH_UPSTREAM', route: '/refused/x', error: { cause: { code: 'ECONNREFUSED' } } },
    ])
  })

  test('leaves the session as it was', async () => {
    await browser.get(`${site.url}/refused/x`)

    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
    site.upstream.answer((_req, res) => void res.end('well again'))
    expect((await browser.get(`${site.proxied}/x`)).text).toBe('well again')
  })
})
