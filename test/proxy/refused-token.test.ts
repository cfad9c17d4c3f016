import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { echo, readBytes } from '../support/upstream.ts'

describe('a token that the target refuses (401)', () => {
  let site: ProxiedApp
  let browser: Browser
  let refreshesBefore = 0
  beforeAll(async () => {
    site = await startProxiedApp()
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
  const tokensSeen = (): (string | undefined)[] => site.upstream.requests.map(({ headers }) => headers.authorization)

  /** The target refuses the first token it sees, and serves every other. */
  function refuseFirstToken(serve: (req: IncomingMessage, res: ServerResponse) => void = echo): void {
    let refused: string | undefined
    site.upstream.answer((req, res) => {
      refused ??= req.headers.authorization
      if (req.headers.authorization !== refused) return serve(req, res)
      void readBytes(req).then(() =>
        res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('no'),
      )
    })
  }

  test('is replaced by one refresh, and the request sent once more', async () => {
    refuseFirstToken()

    const answer = await browser.get(`${site.proxied}/orders?n=1`)

    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({ method: 'GET', url: '/orders?n=1', body: '' })
    expect(refreshes()).toBe(1)
    const [first, second, ...more] = tokensSeen()
    expect(first).not.toBe(second)
    expect(more).toEqual([])
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is sent again with the same body', async (method) => {
    refuseFirstToken()
    const body = Buffer.from(Array.from({ length: 60_000 }, (_, n) => n % 256))

    const answer = await browser.fetch(`${site.proxied}/orders`, { method, body })

    expect(answer.json()).toEqual({ method, url: '/orders', body: body.toString('latin1') })
    expect(site.upstream.requests.map(({ headers }) => headers['content-length'])).toEqual(['60000', '60000'])
  })

  test('with a body that cannot be sent again is passed on, and the next request has a new one', async () => {
    refuseFirstToken()
    const body = Buffer.alloc(100_000)

    const refused = await browser.fetch(`${site.proxied}/upload`, { method: 'POST', body })
    await until(() => refreshes() === 1, 'the refresh for the next request')
    const next = await browser.fetch(`${site.proxied}/upload`, { method: 'POST', body })

    expect([refused.status, next.status]).toEqual([401, 200])
    expect(refreshes()).toBe(1)
  })

  test('time and again, by a target that refuses everybody, costs a refresh now and then, not one each time', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(401).end('no'))

    const statuses: number[] = []
    for (let n = 0; n < 10; n += 1) statuses.push((await browser.get(`${site.proxied}/orders`)).status)
    expect(statuses).toEqual(Array(10).fill(401))
    expect(refreshes()).toBe(1)

    site.clock.advance({ seconds: 3 })
    await browser.get(`${site.proxied}/orders`)
    expect(refreshes()).toBe(2)
  })

  test('is replaced once: a second refusal is the answer', async () => {
    site.upstream.answer(
      (_req, res) => void res.writeHead(401, { 'www-authenticate': 'Bearer', 'x-why': 'never' }).end('never'),
    )

    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer).toMatchObject({ status: 401, text: 'never' })
    expect(answer.headers.get('x-why')).toBe('never')
    expect(site.upstream.requests).toHaveLength(2)
    expect(refreshes()).toBe(1)
  })

  test.each([
    ['longer than the limit', { 'content-length': 65_537 }],
    ['of unknown length', { 'transfer-encoding': 'chunked' }],
  ])('cannot be replaced for a body %s: the refusal is the answer', async (_what, headers) => {
    refuseFirstToken()
    const outgoing = beginRequest(browser, `${site.proxied}/files`, { method: 'POST', headers })
    outgoing.end(Buffer.alloc(65_537))

    const answer = await answerTo(outgoing)

    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
    expect(await receive(answer)).toEqual({ text: 'no', end: 'complete' })
    expect(site.upstream.requests).toHaveLength(1)
  })

  test('and found by 200 requests at once costs one refresh, and all are answered', async () => {
    site.authorizationServer.expireAccessTokens()

    const answers = await Promise.all(Array.from({ length: 200 }, () => browser.get(`${site.url}/api/orders`)))

    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
    expect(refreshes()).toBe(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('without a way to replace it now: come again, and the session stays', async () => {
    refuseFirstToken()
    site.authorizationServer.failTokenEndpoint({ status: 503 })

    const answer = await browser.get(`${site.proxied}/orders`)
    site.authorizationServer.failTokenEndpoint(undefined)

    // A page that is told 401 sends its user to sign in, which would not help.
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })

  test('whose grant is over: 401 that says where to sign in, and the next page does so', async () => {
    refuseFirstToken()
    site.authorizationServer.revokeEverything()

    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer.status).toBe(401)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({ status: 401, code: 'ERR_AUTH_REVOKED', loginUrl: `${site.url}/login` })
    const next = await browser.navigate(`${site.url}/me`, { redirectLimit: 0 })
    expect(next.status).toBe(303)
    expect(next.headers.get('location')).toBe('/login?returnTo=%2Fme')
  })

  test('whose grant is over leaves no trace of the refused request for a page', async () => {
    refuseFirstToken()
    site.authorizationServer.revokeEverything()

    const page = await browser.navigate(`${site.proxied}/report`, { redirectLimit: 0 })

    expect(page.status).toBe(401)
    expect(page.text).toContain('href="/login?returnTo=%2Fup%2Freport"')
    expect(page.text).not.toContain('no<')
  })

  test('is not what 403 is about', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(403).end('not yours'))

    expect(await browser.get(`${site.proxied}/orders`)).toMatchObject({ status: 403, text: 'not yours' })
    expect(refreshes()).toBe(0)
  })
})

describe('how long a body may be to be sent again', () => {
  test('is up to the application', async () => {
    const site = await startProxiedApp({ proxy: { maxReplayBytes: 10 } })
    try {
      const browser = await site.signedIn()
      site.upstream.answer((req, res) => void readBytes(req).then(() => res.writeHead(401).end()))

      await browser.fetch(`${site.proxied}/x`, { method: 'POST', body: '0123456789' })
      expect(site.upstream.requests).toHaveLength(2)

      await browser.fetch(`${site.proxied}/x`, { method: 'POST', body: '0123456789+' })
      expect(site.upstream.requests).toHaveLength(3)
    } finally {
      await site.close()
    }
  })
})

test('a request that has waited for a connection may wait once more with another token', async () => {
  let came = 0
  const site = await startProxiedApp({
    proxy: { connections: 1 },
    routes: (app) =>
      app.use('/up', (_req, _res, next) => {
        came += 1
        next()
      }),
  })
  const browsers = [await site.signedIn(), await site.signedIn(), await site.signedIn()]
  const held: ServerResponse[] = []
  site.upstream.answer((_req, res) => void held.push(res))
  const ask = async (n: number): Promise<number> => {
    const answer = await browsers[n]?.get(`${site.proxied}/${n}`)
    return answer?.status ?? 0
  }

  const first = ask(0)
  await until(() => held.length === 1, 'the only connection is taken')
  const second = ask(1)
  await until(() => came === 2, 'it waits')
  site.clock.advance({ seconds: 20 })
  const third = ask(2)
  await until(() => came === 3, 'it waits behind the other one')
  held[0]?.end()
  await until(() => held.length === 2, 'its turn has come')
  site.clock.advance({ seconds: 15 })
  held[1]?.writeHead(401).end()
  await until(() => held.length === 3, 'the next one is sent')
  await until(() => site.events.some(({ type }) => type === 'refresh'), 'the token is replaced')
  await browsers[0]?.get(`${site.url}/me`)
  held[2]?.end()
  await until(() => held.length === 4, 'it is sent once more')
  held[3]?.end()

  expect(await Promise.all([first, second, third])).toEqual([200, 200, 200])
  expect(site.upstream.requests.map(({ url }) => url)).toEqual(['/0', '/1', '/2', '/1'])
  await site.close()
})
