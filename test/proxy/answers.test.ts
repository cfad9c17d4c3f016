import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'

describe('an answer of the target is the answer of the proxy', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp()
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([200, 201, 202, 206, 302, 400, 402, 403, 404, 409, 418, 422, 429, 500, 503])(
    'status %i',
    async (status) => {
      site.upstream.answer((_req, res) => void res.writeHead(status, { 'x-mark': 'yes' }).end('said the target'))

      const answer = await browser.get(`${site.proxied}/x`)

      expect(answer).toMatchObject({ status, text: 'said the target' })
      expect(answer.headers.get('x-mark')).toBe('yes')
    },
  )

  test('a redirect is not followed', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(307, { location: 'https://elsewhere.example/x' }).end())

    const answer = await browser.get(`${site.proxied}/x`)

    expect(answer.status).toBe(307)
    expect(answer.headers.get('location')).toBe('https://elsewhere.example/x')
  })

  test('HEAD has the length and no body, and the connection goes on', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(200, { 'content-length': '1234', etag: '"v1"' }).end())

    const answer = await browser.fetch(`${site.proxied}/x`, { method: 'HEAD' })

    expect(answer).toMatchObject({ status: 200, text: '' })
    expect(answer.headers.get('content-length')).toBe('1234')
    expect(answer.headers.get('etag')).toBe('"v1"')
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })

  test('204 has neither body nor length', async () => {
    // A server may say one all the same, and must not (RFC 9110 §8.6).
    site.upstream.answer((req) => void req.socket.end('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'))

    const answer = await browser.fetch(`${site.proxied}/x`, { method: 'DELETE' })

    expect(answer).toMatchObject({ status: 204, text: '' })
    expect(answer.headers.get('content-length')).toBeNull()
    expect(answer.headers.get('transfer-encoding')).toBeNull()
  })

  test('a conditional request gets its 304 with the ETag', async () => {
    site.upstream.answer((req, res) => {
      const isKnown = req.headers['if-none-match'] === 'W/"v1"'
      res.writeHead(isKnown ? 304 : 200, { etag: 'W/"v1"' }).end(isKnown ? undefined : 'all of it')
    })

    const answer = await browser.get(`${site.proxied}/x`, { headers: { 'if-none-match': 'W/"v1"' } })

    expect(answer).toMatchObject({ status: 304, text: '' })
    expect(answer.headers.get('etag')).toBe('W/"v1"')
  })

  test('no ETag is made up, and a range passes', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(206, { 'content-range': 'bytes 0-1/9' }).end('ab'))

    const answer = await browser.get(`${site.proxied}/x`, { headers: { range: 'bytes=0-1' } })

    expect(site.upstream.requests.at(-1)?.headers.range).toBe('bytes=0-1')
    expect(answer.headers.get('content-range')).toBe('bytes 0-1/9')
    expect(answer.headers.get('etag')).toBeNull()
  })

  test('informational answers before the real one do no harm', async () => {
    site.upstream.answer((_req, res) => {
      res.writeProcessing()
      res.writeEarlyHints({ link: '</style.css>; rel=preload' })
      res.end('the real one')
    })

    expect(await browser.get(`${site.proxied}/x`)).toMatchObject({ status: 200, text: 'the real one' })
  })

  test('what is compressed stays compressed, byte for byte', async () => {
    const bytes = gzipSync('the same text, '.repeat(1_000))
    site.upstream.answer((_req, res) => {
      res
        .writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length, vary: 'accept-encoding' })
        .end(bytes)
    })
    const outgoing = beginRequest(browser, `${site.proxied}/x`, { headers: { 'accept-encoding': 'gzip, br' } }).end()

    const answer = await answerTo(outgoing)
    const { text } = await receive(answer)

    expect(site.upstream.requests.at(-1)?.headers['accept-encoding']).toBe('gzip, br')
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(bytes.length) })
    expect(Buffer.from(text, 'latin1').equals(bytes)).toBe(true)
    expect(gunzipSync(Buffer.from(text, 'latin1')).toString()).toMatch(/^the same text/)
  })

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    '%s reaches the target as it is',
    async (method) => {
      site.upstream.answer((_req, res) => void res.end('fine'))

      const answer = await browser.fetch(`${site.proxied}/x`, { method })

      expect(answer).toMatchObject({ status: 200, text: 'fine' })
      expect(site.upstream.requests.at(-1)?.method).toBe(method)
    },
  )

  test('200 requests at once are 200 answers, each to its own question', async () => {
    site.upstream.answer((req, res) => void res.end(req.url))

    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => browser.get(`${site.proxied}/n?${n}`)))

    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, n) => `/n?${n}`))
  })
})
