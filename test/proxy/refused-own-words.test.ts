import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { EXPIRED, INVALID, OWN_WORDS } from '../support/refusals.ts'
import { until } from '../support/until.ts'
import { echo, gone, readBytes } from '../support/upstream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

describe('a token that the target refuses in its own words (400 with a code)', () => {
  let site: ProxiedApp
  let browser: Browser
  let refreshesBefore = 0
  beforeAll(async () => {
    site = await startProxiedApp({ adapt: { expiredTokenAnswers: OWN_WORDS } })
  })
  beforeEach(async () => {
    browser = await site.signedIn()
    site.upstream.requests.length = 0
    refreshesBefore = site.authorizationServer.tokenRequests('refresh_token').length
  })
  afterAll(async () => {
    await site.close()
  })

  const refreshes = (): number => site.authorizationServer.tokenRequests('refresh_token').length - refreshesBefore

  /** The target refuses the first token it sees, and serves every other. */
  function refuseFirstToken(refuse: (res: ServerResponse) => void): void {
    let refused: string | undefined
    site.upstream.answer((req: IncomingMessage, res) => {
      refused ??= req.headers.authorization
      if (req.headers.authorization !== refused) return echo(req, res)
      void readBytes(req).then(() => refuse(res))
    })
  }

  test.each<[string, (res: ServerResponse) => void]>([
    ['with a length', (res) => res.writeHead(400, { ...JSON_TYPE, 'content-length': EXPIRED.length }).end(EXPIRED)],
    ['of unknown length', (res) => (res.writeHead(400, JSON_TYPE).write(EXPIRED), res.end())],
    ['in two parts', (res) => (res.writeHead(400, JSON_TYPE).write(EXPIRED.slice(0, 9)), void setImmediate(() => res.end(EXPIRED.slice(9))))],
    ['as problem JSON', (res) => res.writeHead(400, { 'content-type': 'application/problem+json' }).end(EXPIRED)],
    ['with the code as a string', (res) => res.writeHead(400, JSON_TYPE).end('{"error_code":"401001"}')],
    ['in gzip', (res) => res.writeHead(400, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(gzipSync(EXPIRED))],
    ['in Brotli', (res) => res.writeHead(400, { ...JSON_TYPE, 'content-encoding': 'br' }).end(brotliCompressSync(EXPIRED))],
    ['deflated', (res) => res.writeHead(400, { ...JSON_TYPE, 'content-encoding': 'deflate' }).end(deflateSync(EXPIRED))],
    ['by 401 all the same', (res) => res.writeHead(401).end('no')],
  ])('%s is replaced by one refresh, and the request sent once more', async (_how, refuse) => {
    refuseFirstToken(refuse)

    const answer = await browser.fetch(`${site.proxied}/sign?n=1`, { method: 'POST', body: 'a body' })

    expect(answer.json()).toEqual({ method: 'POST', url: '/sign?n=1', body: 'a body' })
    expect(refreshes()).toBe(1)
    expect(site.upstream.requests).toHaveLength(2)
    const [first, second] = site.upstream.requests
    expect(first?.headers.authorization).not.toBe(second?.headers.authorization)
  }) // prettier-ignore

  test('and found by 200 requests at once costs one refresh, and all are answered', async () => {
    refuseFirstToken((res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED))

    const answers = await Promise.all(Array.from({ length: 200 }, () => browser.get(`${site.proxied}/orders`)))

    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
    expect(refreshes()).toBe(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('is replaced once: a second refusal is the answer, as it came', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(400, { ...JSON_TYPE, 'x-why': 'never' }).end(EXPIRED))

    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer).toMatchObject({ status: 400, text: EXPIRED })
    expect(answer.headers.get('x-why')).toBe('never')
    expect(site.upstream.requests).toHaveLength(2)
    expect(refreshes()).toBe(1)
  })

  test('after a refresh, whatever comes is the answer', async () => {
    site.upstream.answer((_req, res) => {
      if (site.upstream.requests.length === 1) res.writeHead(400, JSON_TYPE).end(EXPIRED)
      else res.writeHead(429, { 'retry-after': '12', 'remaining-calls': '0' }).end('slowly')
    })

    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer).toMatchObject({ status: 429, text: 'slowly' })
    expect(answer.headers.get('retry-after')).toBe('12')
    expect(site.upstream.requests).toHaveLength(2)
  })

  test('with a body that cannot be sent again is passed on, and the next request has a new one', async () => {
    refuseFirstToken((res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED))
    const body = Buffer.alloc(100_000)

    const refused = await browser.fetch(`${site.proxied}/upload`, { method: 'POST', body })
    await until(() => refreshes() === 1, 'the refresh for the next request')
    const next = await browser.fetch(`${site.proxied}/upload`, { method: 'POST', body })

    expect(refused).toMatchObject({ status: 400, text: EXPIRED })
    expect(next.status).toBe(200)
    expect(refreshes()).toBe(1)
  })

  test('whose grant is over: 401 that says where to sign in', async () => {
    refuseFirstToken((res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED))
    site.authorizationServer.revokeEverything()

    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REVOKED', loginUrl: `${site.url}/login` })
  })

  describe('is not what this is about, so it is passed on as it came, without a refresh:', () => {
    const LONG = `{"error_code":400003,"list":"${'x'.repeat(300_000)}"}`

    test.each<[string, number, Readonly<Record<string, string>>, Buffer]>([
      ['another code', 400, JSON_TYPE, Buffer.from(INVALID)],
      ['the code in HTML', 400, { 'content-type': 'text/html' }, Buffer.from(EXPIRED)],
      ['the code without a type', 400, {}, Buffer.from(EXPIRED)],
      ['the code with another status', 409, JSON_TYPE, Buffer.from(EXPIRED)],
      ['the code with 200', 200, JSON_TYPE, Buffer.from(EXPIRED)],
      ['what is not JSON', 400, JSON_TYPE, Buffer.from('{"error_code":400003')],
      ['what is not gzip', 400, { ...JSON_TYPE, 'content-encoding': 'gzip' }, Buffer.from(EXPIRED)],
      ['gzip of another code', 400, { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(INVALID)],
      ['gzip of 10 MB', 400, { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(`{"error_code":400003}${' '.repeat(10_000_000)}`)],
      ['a long body', 400, { ...JSON_TYPE, 'content-length': String(LONG.length) }, Buffer.from(LONG)],
      ['a long body of unknown length', 400, JSON_TYPE, Buffer.from(LONG)],
      ['no body', 400, JSON_TYPE, Buffer.alloc(0)],
      ['403', 403, { 'content-type': 'application/json' }, Buffer.from('{"message":"scope missing"}')],
      ['429 with Retry-After', 429, { ...JSON_TYPE, 'retry-after': '12', 'remaining-calls': '0' }, Buffer.from('{"error":"rate"}')],
    ])('%s', async (_what, status, headers, body) => {
      site.upstream.answer((_req, res) => {
        res.writeHead(status, headers)
        for (let at = 0; at < body.length; at += 50_000) res.write(body.subarray(at, at + 50_000))
        res.end()
      })
      const outgoing = beginRequest(browser, `${site.proxied}/orders`)
      outgoing.end()

      const answer = await answerTo(outgoing)
      const { text, end } = await receive(answer)

      expect([answer.statusCode, end]).toEqual([status, 'complete'])
      expect(answer.headers).toMatchObject(headers)
      expect(Buffer.from(text, 'latin1').equals(body)).toBe(true)
      expect(site.upstream.requests).toHaveLength(1)
      expect(refreshes()).toBe(0)
    }) // prettier-ignore
  })

  test('HEAD, whose answer has no body to look at, is passed on', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(400, { ...JSON_TYPE, 'content-length': '80' }).end())

    const answer = await browser.fetch(`${site.proxied}/x`, { method: 'HEAD' })

    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-length')).toBe('80')
    expect(refreshes()).toBe(0)
  })

  test('nothing but a body that is looked at waits for its end', async () => {
    const statuses: [number, Readonly<Record<string, string>>][] = [[200, JSON_TYPE], [403, JSON_TYPE], [400, { 'content-type': 'text/plain' }]] // prettier-ignore
    for (const [status, headers] of statuses) {
      let open: ServerResponse | undefined
      site.upstream.answer((_req, res) => void (open = res).writeHead(status, headers).write('{"error_'))
      const outgoing = beginRequest(browser, `${site.proxied}/x`)
      outgoing.end()

      const answer = await answerTo(outgoing)

      expect(answer.statusCode).toBe(status)
      open?.end('code":400003}')
      expect(await receive(answer)).toEqual({ text: '{"error_code":400003}', end: 'complete' })
    }
    expect(refreshes()).toBe(0)
  })

  test('a long body goes on as soon as it has shown to be long', async () => {
    let open: ServerResponse | undefined
    site.upstream.answer((_req, res) => {
      open = res
      res.writeHead(400, JSON_TYPE).write(`{"error_code":400003,"list":"${'x'.repeat(8_192)}`)
    })
    const outgoing = beginRequest(browser, `${site.proxied}/x`)
    outgoing.end()

    const answer = await answerTo(outgoing)

    expect(answer.statusCode).toBe(400)
    open?.end('"}')
    expect((await receive(answer)).text).toMatch(/x"}$/)
    expect(refreshes()).toBe(0)
  })

  test('a body that is cut off while it is looked at is a failure of the target', async () => {
    site.upstream.answer((_req, res) => {
      res.writeHead(400, JSON_TYPE).write('{"error_code":4000')
      setImmediate(() => res.destroy())
    })

    const answer = await browser.get(`${site.proxied}/x`)

    expect(answer.status).toBe(502)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_UPSTREAM' })
    expect(refreshes()).toBe(0)
  })

  test('a client that leaves while a body is looked at is gone at the target as well', async () => {
    let open: ServerResponse | undefined
    site.upstream.answer((_req, res) => void (open = res).writeHead(400, JSON_TYPE).write('{"error_'))
    const outgoing = beginRequest(browser, `${site.proxied}/x`)
    outgoing.end()
    await until(() => open !== undefined, 'the target to have the request')

    outgoing.destroy()

    await gone(open as unknown as ServerResponse)
    expect(refreshes()).toBe(0)
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })
})
