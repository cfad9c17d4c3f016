import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { answerTo, exchangeBytes, receive } from '../support/raw-client.ts'
import { readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

describe('what comes before and behind an answer', () => {
  let upstream: Upstream
  let site: OpenProxy
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url)
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  test('early hints reach the client before the answer is there', async () => {
    let finish = (): void => {}
    upstream.answer((_req, res) => {
      res.writeEarlyHints({ link: ['</style.css>; rel=preload; as=style', '</app.js>; rel=preload; as=script'] })
      finish = () => void res.end('the page')
    })
    const outgoing = request(`${site.url}/page`).end()
    const answer = answerTo(outgoing)
    const [hints] = (await once(outgoing, 'information')) as [
      { statusCode: number; headers: IncomingMessage['headers'] },
    ]
    finish()

    expect(hints.statusCode).toBe(103)
    expect(hints.headers['link']).toBe('</style.css>; rel=preload; as=style, </app.js>; rel=preload; as=script')
    expect(await receive(await answer)).toEqual({ text: 'the page', end: 'complete' })
  })

  test('an early hint in Latin-1 arrives as it was sent', async () => {
    upstream.answer(
      (req) =>
        void req.socket.end(
          Buffer.from(
            'HTTP/1.1 103 Early Hints\r\nlink: </caf\u00E9>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok',
            'latin1',
          ),
        ),
    )

    expect(await exchangeBytes(site.url, 'GET /up/page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain(
      'Link: </caf\u00E9>; rel=preload\r\n',
    )
  })

  test('that the target is still working on it reaches the client', async () => {
    upstream.answer((_req, res) => {
      res.writeProcessing()
      res.end('done')
    })
    const outgoing = request(`${site.url}/work`).end()
    const answer = answerTo(outgoing)
    const [information] = (await once(outgoing, 'information')) as [{ statusCode: number }]

    expect(information.statusCode).toBe(102)
    expect((await receive(await answer)).text).toBe('done')
  })

  test('a client that speaks HTTP/1.0 gets nothing before its answer', async () => {
    upstream.answer((_req, res) => {
      res.writeProcessing()
      res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
      res.end('the page')
    })

    expect(await exchangeBytes(site.url, 'GET /up/page HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  test.each<[string, (upstream: Upstream) => void]>([
    ['a hint in a form that Node does not know', (it) => it.answer((req) => void req.socket.end('HTTP/1.1 103 Early Hints\r\nlink: </x>; title="a b"\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))], // prettier-ignore
    ['one that says nothing', (it) => it.answer((req) => void req.socket.end('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))], // prettier-ignore
    ['an unknown announcement', (it) => it.answer((req) => void req.socket.end('HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))], // prettier-ignore
  ])('%s does no harm to the answer', async (_what, arrange) => {
    arrange(upstream)

    expect(await (await fetch(`${site.url}/x`)).text()).toBe('ok')
  })

  describe('trailers', () => {
    function answerWithTrailers(): void {
      upstream.answer((_req, res) => {
        res.writeHead(200, { trailer: 'x-sum, set-cookie, set-cookie2' }).write('counted')
        res.addTrailers([
          ['X-Sum', '7'],
          ['Set-Cookie', 'a=b'],
          ['Set-Cookie2', 'a=b'],
          ['Content-Type', 'text/html'],
          ['Proxy-Authorization', 'x'],
        ])
        res.end()
      })
    }

    test('reach a client that takes them, but for those that belong into a head', async () => {
      answerWithTrailers()

      const answer = await answerTo(request(`${site.url}/x`, { headers: { te: 'trailers' } }).end())

      expect(await receive(answer)).toEqual({ text: 'counted', end: 'complete' })
      expect(answer.trailers).toEqual({ 'x-sum': '7' })
    })

    test('do not reach one that did not say so', async () => {
      answerWithTrailers()

      const answer = await answerTo(request(`${site.url}/x`).end())

      expect(await receive(answer)).toEqual({ text: 'counted', end: 'complete' })
      expect(answer.trailers).toEqual({})
    })
  })

  describe('a client that speaks HTTP/1.0', () => {
    /** @returns what came, and how the connection ended. */
    async function ask(): Promise<{ text: string; end: 'closed' | 'reset' }> {
      const socket = connect(Number(new URL(site.url).port), '127.0.0.1')
      let text = ''
      let end: 'closed' | 'reset' = 'closed'
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.on('error', () => (end = 'reset'))
      socket.write('GET /up/x HTTP/1.0\r\n\r\n')
      await new Promise((resolve) => socket.once('close', resolve))
      return { text: text.slice(text.indexOf('\r\n\r\n') + 4), end }
    }

    test('gets a body of unknown length, until the connection closes', async () => {
      upstream.answer((_req, res) => {
        res.write('one ')
        setTimeout(() => res.end('two'), 20)
      })

      expect(await ask()).toEqual({ text: 'one two', end: 'closed' })
    })

    test('sees that an answer of unknown length was cut off', async () => {
      upstream.answer((_req, res) => {
        res.write('one ')
        setTimeout(() => res.destroy(), 20)
      })

      expect(await ask()).toEqual({ text: 'one ', end: 'reset' })
    })
  })
})

describe('a client that asks before it sends a body (RFC 9110 §10.1.1)', () => {
  let upstream: Upstream
  let site: OpenProxy
  let server: Server
  beforeAll(async () => {
    upstream = await startUpstream()
    upstream.answer((req, res) => void readBytes(req).then((body) => res.end(String(body.length))))
    site = await startOpenProxy(upstream.url, { maxBodyBytes: 1_000_000 }, (app, auth) => {
      app.use('/dead', auth.proxy('http://127.0.0.1:9', { token: false }))
      app.use('/guarded', auth.requireAuth(), auth.proxy(upstream.url))
    })
    server = site.auth.createServer(site.app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    server.closeAllConnections()
    server.close()
    await site.close()
    await upstream.close()
  })

  async function ask(path: string, length: number): Promise<{ wasToldToGoOn: boolean; status: number; text: string }> {
    const { port } = server.address() as AddressInfo
    const headers = { expect: '100-continue', 'content-length': length }
    const outgoing = request(`http://127.0.0.1:${port}${path}`, { method: 'PUT', headers })
    let wasToldToGoOn = false
    outgoing.once('continue', () => {
      wasToldToGoOn = true
      outgoing.end(Buffer.alloc(length))
    })
    outgoing.flushHeaders()
    const answer = await answerTo(outgoing)
    return { wasToldToGoOn, status: answer.statusCode ?? 0, text: (await receive(answer)).text }
  }

  test.each([
    ['long', 500_000],
    ['short', 500],
  ])('is told to go on when the target is there (%s)', async (_which, length) => {
    expect(await ask('/up/x', length)).toEqual({ wasToldToGoOn: true, status: 200, text: String(length) })
  })

  test.each([
    ['nobody is signed in', '/guarded/x', 500_000, 401],
    ['the body is too long', '/up/x', 1_000_001, 413],
    ['nobody is there to send it to', '/dead/x', 500_000, 502],
  ])('is not when %s', async (_why, path, length, status) => {
    expect(await ask(path, length)).toMatchObject({ wasToldToGoOn: false, status })
  })
})

describe('headers beyond what a server takes', () => {
  let upstream: Upstream
  let site: OpenProxy
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url)
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  test('of a request are 431, and the next request is answered', async () => {
    const answer = await exchangeBytes(
      site.url,
      `GET /up/x HTTP/1.1\r\nHost: app\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
    )

    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`${site.url}/x`)).status).toBe(200)
  })

  test('of an answer are 502, and the next request is answered', async () => {
    upstream.answer((req) => {
      req.socket.write(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(20_000)}\r\ncontent-length: 2\r\n\r\nok`)
    })
    const answer = await fetch(`${site.url}/x`)
    upstream.answer((_req, res) => void res.end('fine'))

    expect(answer.status).toBe(502)
    expect(await answer.text()).not.toMatch(/xxx|127\.0\.0\.1/)
    expect(site.events).toMatchObject([{ type: 'error', error: { cause: { code: 'UND_ERR_HEADERS_OVERFLOW' } } }])
    expect(await (await fetch(`${site.url}/x`)).text()).toBe('fine')
  })
})
