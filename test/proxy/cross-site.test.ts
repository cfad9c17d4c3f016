import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { request, type IncomingMessage } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, receive } from '../support/raw-client.ts'

const FRIEND = 'https://friend.example'
const FOREIGN = 'https://evil.example'

let site: ProxiedApp
let browser: Browser
beforeAll(async () => {
  site = await startProxiedApp({
    routes(app, auth, upstream) {
      app.use('/shared', auth.proxy(upstream.url, { allowOrigins: [FRIEND, 'https://other.example:8443'] }))
      app.use('/reading', auth.proxy(upstream.url, { allowOrigins: [FRIEND], allow: { methods: ['GET'] } }))
    },
  })
  browser = await site.signedIn()
})
afterAll(async () => {
  await site.close()
})

interface Sent {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly problem: Readonly<Record<string, unknown>>
  readonly reached: boolean
}

/** A request with the cookies of who is signed in, and no other header than these. */
async function send(
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<Sent> {
  const before = site.upstream.requests.length
  const cookie = 'cookie' in headers ? {} : { cookie: browser.cookieHeader(site.url) }
  const outgoing = request(site.url + path, { method, agent: false, headers: { ...cookie, ...headers } })
  const answer = await answerTo(outgoing.end())
  const { text } = await receive(answer)
  const isProblem = answer.headers['content-type']?.startsWith('application/problem+json') === true
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    problem: isProblem ? (JSON.parse(text) as Record<string, unknown>) : {},
    reached: site.upstream.requests.length > before,
  }
}

describe('what a page of another site could have caused', () => {
  const stream = { accept: 'text/event-stream' }

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])(
    '%s without any sign of where it comes from is refused',
    async (method) => {
      const { status, problem, reached } = await send(method, '/up/x')

      expect(status).toBe(403)
      expect(problem).toMatchObject({
        status: 403,
        code: 'ERR_AUTH_CROSS_SITE',
        detail: expect.stringContaining('X-Requested-With') as unknown,
      })
      expect(reached).toBe(false)
    },
  )

  test.each(['GET', 'HEAD', 'OPTIONS'])('%s needs none', async (method) => {
    expect(await send(method, '/up/x', { 'sec-fetch-site': 'cross-site', origin: FOREIGN })).toMatchObject({
      status: 200,
      reached: true,
    })
  })

  test.each<[string, Record<string, string | string[]>]>([
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site, which is another origin', { 'sec-fetch-site': 'same-site' }],
    ['Sec-Fetch-Site that nobody knows', { 'sec-fetch-site': 'same-galaxy' }],
    ['Sec-Fetch-Site twice', { 'sec-fetch-site': ['same-origin', 'cross-site'] }],
    ['Sec-Fetch-Site: cross-site and our Origin', { 'sec-fetch-site': 'cross-site', origin: 'OURS' }],
    ['Sec-Fetch-Site: cross-site and X-Requested-With', { 'sec-fetch-site': 'cross-site', 'x-requested-with': 'x' }],
    ['another Origin', { origin: FOREIGN }],
    ['Origin: null', { origin: 'null' }],
    ['Origin: null and X-Requested-With', { origin: 'null', 'x-requested-with': 'x' }],
    ['an Origin that begins as ours', { origin: 'OURS.evil.example' }],
    ['our Origin twice', { origin: 'OURS, OURS' }],
    ['our Origin with a path', { origin: 'http://user@evil.example' }],
    ['another Referer', { referer: `${FOREIGN}/OURS` }],
    ['a Referer that is none', { referer: 'OURS'.slice(0, 0) }],
  ])('%s is refused', async (_what, headers) => {
    const own = new URL(site.url).origin
    const given = Object.entries(headers).map(
      ([name, value]) => [name, typeof value === 'string' ? value.replaceAll('OURS', own) : value] as const,
    )

    for (const [method, more] of [
      ['POST', {}],
      ['GET', stream],
    ] as const)
      expect(await send(method, '/up/x', { ...Object.fromEntries(given), ...more })).toMatchObject({
        status: 403,
        reached: false,
      })
  })

  test.each<[string, Record<string, string>]>([
    ['Sec-Fetch-Site: same-origin', { 'sec-fetch-site': 'same-origin' }],
    ['Sec-Fetch-Site: none, which is the user', { 'sec-fetch-site': 'none' }],
    ['our Origin', { origin: 'OURS' }],
    ['a Referer of ours', { referer: 'OURS/page?x' }],
    ['X-Requested-With', { 'x-requested-with': 'anything' }],
  ])('%s is a proof', async (_what, headers) => {
    const own = new URL(site.url).origin
    const given = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replaceAll('OURS', own)]),
    )

    for (const [method, more] of [
      ['POST', {}],
      ['GET', stream],
    ] as const)
      expect(await send(method, '/up/x', { ...given, ...more })).toMatchObject({ status: 200, reached: true })
  })

  test.each(['text/event-stream', 'TEXT/Event-Stream', 'application/json, text/event-stream;q=0.5'])(
    'an event stream needs a proof: Accept %s',
    async (accept) => {
      expect(await send('GET', '/up/x', { accept })).toMatchObject({ status: 403, reached: false })
      expect(await send('GET', '/up/x', { accept, 'sec-fetch-site': 'same-origin' })).toMatchObject({ status: 200 })
    },
  )

  test('it is refused before the session is read', async () => {
    expect(await send('POST', '/shared/x', { cookie: '' })).toMatchObject({ status: 403 })
    expect(await send('POST', '/shared/x', { cookie: '', 'sec-fetch-site': 'same-origin' })).toMatchObject({
      status: 401,
    })
  })
})

describe('pages of other origins that the application names', () => {
  const preflight = {
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'content-type, X-Trace',
    cookie: '',
  }

  test('may ask first, without cookies', async () => {
    const { status, headers, reached } = await send('OPTIONS', '/shared/x', { ...preflight, origin: FRIEND })

    expect(status).toBe(204)
    expect(headers).toMatchObject({
      'access-control-allow-origin': FRIEND,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'content-type, x-trace',
      'access-control-max-age': '600',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
    expect(reached).toBe(false)
  })

  test('are told what is allowed, and never of headers that are ours', async () => {
    const { headers } = await send('OPTIONS', '/reading/x', {
      ...preflight,
      origin: FRIEND,
      'access-control-request-headers': 'authorization,x-forwarded-for,X_Forwarded_Host,cookie,te,,a b,x-ok',
    })

    expect(headers['access-control-allow-methods']).toBe('GET')
    expect(headers['access-control-allow-headers']).toBe('x-ok')
  })

  test.each([
    FOREIGN,
    'null',
    '*',
    `${FRIEND}.evil.example`,
    `${FRIEND}:8443`,
    'http://friend.example',
    'https://FRIEND.example',
    `${FRIEND}/`,
    `${FRIEND}, ${FRIEND}`,
  ])('others may not: %s', async (origin) => {
    for (const path of ['/shared/x', '/reading/x']) {
      const asked = await send('OPTIONS', path, { ...preflight, origin })
      expect(asked).toMatchObject({ status: 403, problem: { code: 'ERR_AUTH_CROSS_SITE' }, reached: false })
      const read = await send('GET', path, { origin })
      for (const { headers } of [asked, read]) {
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
        expect(headers.vary).toMatch(/\bOrigin\b/)
      }
    }
    expect(await send('POST', '/shared/x', { origin })).toMatchObject({ status: 403, reached: false })
  })

  test('read the answer, and nobody else is given it from a cache', async () => {
    site.upstream.answer(
      (_req, res) =>
        void res.writeHead(200, { vary: 'accept-encoding', 'access-control-expose-headers': 'x-total' }).end('fine'),
    )

    const answer = await send('POST', '/shared/x', { origin: FRIEND, 'sec-fetch-site': 'same-site' })

    expect(answer).toMatchObject({ status: 200, reached: true })
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': FRIEND,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-total',
      vary: 'accept-encoding, Origin',
    })
    expect((await send('GET', '/shared/x')).headers).toMatchObject({ vary: 'accept-encoding, Origin' })
    expect((await send('GET', '/shared/x')).headers).not.toHaveProperty('access-control-allow-origin')
  })

  test.each<[string, number, string, string, Record<string, string>]>([
    ['not signed in', 401, 'GET', '/shared/x', { cookie: '' }],
    ['a malformed path', 400, 'GET', '/shared/a//b', {}],
    ['another method', 405, 'DELETE', '/reading/x', {}],
  ])('read an error of ours as well: %s', async (_what, status, method, path, headers) => {
    const answer = await send(method, path, { origin: FRIEND, ...headers })

    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': FRIEND,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
  })

  test.each(['/shared/x', '/up/x'])('what the target says of other origins never counts: %s', async (path) => {
    site.upstream.answer((req, res) => {
      res.writeHead(200, {
        'Access-Control-Allow-Origin': req.headers.origin ?? '*',
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Allow-Methods': '*',
        'Access-Control-Allow-Headers': '*',
        'Access-Control-Allow-Private-Network': 'true',
        'Access-Control-Max-Age': '9',
      })
      res.end()
    })

    const { status, headers } = await send('GET', path, { origin: FOREIGN })

    expect(status).toBe(200)
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
  })

  test('without any, a preflight is a request like others: for the guard', async () => {
    expect(await send('OPTIONS', '/up/x', { ...preflight, origin: FRIEND })).toMatchObject({
      status: 401,
      reached: false,
    })
  })
})
