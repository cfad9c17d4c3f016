import { request, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express, { type Express } from 'express'
import session from 'express-session'
import type { Browser } from '../support/browser.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const FORM = 'application/x-www-form-urlencoded'
const LONG = 'a'.repeat(100_000)

const parsers: readonly [string, (app: Express) => void][] = [
  ['no parser of its own', () => {}],
  ['express.urlencoded({ extended: true })', (app) => app.use(express.urlencoded({ extended: true, limit: '1mb' }))],
  ['express.urlencoded({ extended: false })', (app) => app.use(express.urlencoded({ extended: false, limit: '1mb' }))],
  ['express.json() and express.text()', (app) => app.use(express.json(), express.text({ type: '*/*', limit: '1mb' }))],
  ['express.raw()', (app) => app.use(express.raw({ type: '*/*', limit: '1mb' }))],
]

describe.each(parsers)('malformed requests to an application with %s', (_what, before) => {
  const store = new session.MemoryStore()
  let site: ScriptedSite
  let browser: Browser
  let underWay: string
  let stored: string | undefined
  beforeAll(async () => {
    site = await startScriptedSite({
      options: { session: { store }, loginParameters: ['prompt', 'login_hint', 'max_age'] },
      before: (app) => {
        app.set('query parser', 'extended')
        before(app)
      },
    })
    browser = await site.signedIn()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me%3Ffinished`, { redirectLimit: 0 })
    underWay = begun.headers.get('location') ?? ''
    stored = storedSession()
  })
  afterAll(async () => {
    await site.close()
  })

  function storedSession(): string | undefined {
    const id =
      decodeURIComponent(browser.cookies(site.url)[0]?.value ?? '')
        .slice(2)
        .split('.')[0] ?? ''
    return (store as unknown as { sessions: Record<string, string> }).sessions[id]
  }

  async function expectNothingChanged(): Promise<void> {
    expect(stored).toContain('"account"')
    expect(storedSession()).toBe(stored)
    expect((await site.me(browser)).status).toBe(200)
  }

  test.each([
    ['/callback'],
    ['/callback?'],
    ['/callback?code=a'],
    ['/callback?code=a&state='],
    ['/callback?code=a&state=b'],
    ['/callback?code=a&state[]=b'],
    ['/callback?code=a&state[a]=b&state[__proto__][x]=c'],
    ['/callback?code[]=a&code[]=b&state=c'],
    ['/callback?__proto__=a&constructor=b&prototype=c&toString=d&hasOwnProperty=e'],
    ['/callback?__proto__[code]=a&__proto__[state]=b'],
    ['/callback?state=%00&code=a'],
    ['/callback?state=%0d%0aSet-Cookie:%20a=b&code=a'],
    ['/callback?state=%zz&code=%'],
    ['/callback?state=%ff%fe&code=%c0%80'],
    ['/callback?state=%ud800&code=a'],
    [`/callback?code=a&state=${LONG.slice(0, 9_000)}`],
    [`/callback?code=${LONG.slice(0, 9_000)}&state=b`],
    ['/callback?code=a&code=b&state=c'],
    ['/callback?posted=a'],
    ['/callback?posted=a&code=b&state=c'],
    ['/callback?posted='],
    ['/callback?;code=a;state=b'],
    ['/callback?code=a&state=b?code=c'],
    ['/callback?error=access_denied'],
    ['/login?returnTo=/%00'],
    ['/login?returnTo=/%0d%0aSet-Cookie:%20a=b'],
    ['/login?returnTo=/%7f'],
    ['/login?returnTo=/a&returnTo=/b'],
    [`/login?returnTo=/${LONG.slice(0, 9_000)}`],
    ['/login?prompt=%00'],
    ['/login?prompt=login&prompt=none'],
    ['/login?max_age=-1'],
    ['/login?max_age=%d9%a1'],
    [`/login?login_hint=${LONG.slice(0, 1_000)}`],
    ['/login?resume=%00'],
  ])('GET %.80s is refused and changes nothing', async (target) => {
    const answer = await send(site, browser, 'GET', target)

    expectProblem(answer)
    await expectNothingChanged()
  })

  test.each([
    ['/login?returnTo[]=/evil'],
    ['/login?returnTo[a][b]=/evil'],
    ['/login?__proto__[returnTo]=/evil&constructor=x'],
    ['/login?returnTo=%zz'],
    ['/login?returnTo=%ff%fe'],
    ['/login?returnTo='],
    ['/login?resume=nonsense'],
    ['/login?resume='],
  ])('GET %s begins a sign-in that leads home', async (target) => {
    const own = site.browser()

    const begun = await send(site, own, 'GET', target)
    const page = await own.navigate(begun.headers.location ?? '')

    expect(begun.status).toBe(303)
    expect(page.hops.some(({ url }) => url.includes('evil'))).toBe(false)
  })

  test.each<[string, string, string | undefined]>([
    ['nothing', '', FORM],
    ['no content type', 'code=a&state=b', undefined],
    ['JSON', '{"code":"a","state":"b"}', 'application/json'],
    ['JSON that is a list', '["code"]', 'application/json'],
    ['JSON with __proto__', '{"__proto__":{"code":"a","state":"b"}}', 'application/json'],
    ['text', 'code=a&state=b', 'text/plain'],
    ['XML', '<code>a</code>', 'application/xml'],
    [
      'multipart',
      '--x\r\ncontent-disposition: form-data; name="code"\r\n\r\na\r\n--x--',
      'multipart/form-data; boundary=x',
    ],
    ['a form without state', 'code=a', FORM],
    ['a form with an unknown state', 'code=a&state=b', FORM],
    ['lists', 'code[]=a&state[]=b', FORM],
    ['a list with two members', 'code=a&state[]=b&state[]=c', FORM],
    ['objects', 'code[a]=b&state[c][d]=e', FORM],
    ['an object that cannot be a text', 'state[0][toString]=x&state[0][valueOf]=y&code=a', FORM],
    ['an object that pretends to be a list', 'state[length]=1&state[0]=a&code=b', FORM],
    ['__proto__', '__proto__[code]=a&__proto__[state]=b&constructor[prototype][state]=c', FORM],
    ['names of methods', 'toString=a&hasOwnProperty=b&valueOf=c&state=d&code=e', FORM],
    ['control characters', 'code=%00&state=%0d%0aSet-Cookie:%20a=b', FORM],
    ['bad percent-encoding', 'code=%&state=%zz%ff', FORM],
    ['everything twice', 'code=a&code=b&state=c&state=d', FORM],
    ['code and error', 'code=a&error=b&state=c', FORM],
    ['100 KB of state', `code=a&state=${LONG}`, FORM],
    ['100 KB of another name', `code=a&state=b&${LONG}=c`, FORM],
    ['ten thousand names', Array.from({ length: 10_000 }, (_, at) => `n${at}=a`).join('&'), FORM],
    ['deep nesting', `state${'[a]'.repeat(500)}=b&code=c`, FORM],
    ['another charset', 'code=a&state=b', `${FORM}; charset=utf-16`],
    ['an unknown charset', 'code=a&state=b', `${FORM}; charset=klingon`],
    ['a sealed response', 'posted=a&state=b', FORM],
  ])('POST /callback with %s is refused and changes nothing', async (_form, body, contentType) => {
    let answer = await send(site, browser, 'POST', '/callback', body, contentType)
    if (answer.status === 303) answer = await send(site, browser, 'GET', answer.headers.location ?? '')

    expectRefused(answer)
    await expectNothingChanged()
  })

  test('POST /callback with a content encoding that it does not have is refused', async () => {
    const answer = await send(site, browser, 'POST', '/callback', 'code=a', FORM, { 'content-encoding': 'gzip' })

    expectRefused(answer)
    await expectNothingChanged()
  })

  test.each([
    ['POST', '/login', 'GET'],
    ['PUT', '/login', 'GET'],
    ['DELETE', '/login', 'GET'],
    ['OPTIONS', '/login', 'GET'],
    ['PUT', '/callback', 'GET, POST'],
    ['PATCH', '/callback', 'GET, POST'],
    ['PUT', '/logout', 'GET, POST'],
    ['DELETE', '/logout', 'GET, POST'],
    ['TRACE', '/logout', 'GET, POST'],
  ])('%s %s is not allowed and changes nothing', async (method, target, allow) => {
    const answer = await send(site, browser, method, target)

    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toBe(allow)
    await expectNothingChanged()
  })

  test.each([
    ['nothing', ''],
    ['100 KB', LONG],
    ['control characters', '\u0000\u0001'],
    ['__proto__', '__proto__[a]=b'],
  ])('POST /logout of another site with %s is refused and changes nothing', async (_form, body) => {
    const answer = await send(site, browser, 'POST', '/logout', body, FORM, { 'sec-fetch-site': 'cross-site' })

    expect(answer.status).toBe(403)
    await expectNothingChanged()
  })

  test('after all that, the sign-in that was under way is finished', async () => {
    const page = await browser.navigate(underWay)

    expect(page.url.href).toBe(`${site.url}/me?finished`)
    expect(page.status).toBe(200)
  })
})

interface RawAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** A program's request, byte for byte as written here. */
function send(
  site: ScriptedSite,
  browser: Browser,
  method: string,
  path: string,
  body = '',
  contentType?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(site.url)
  const type = contentType === undefined ? {} : { 'content-type': contentType }
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const cookie = browser.cookieHeader(site.url)
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method, path, headers: { ...(cookie !== '' && { cookie }), ...type, ...length, ...headers } },
      (res) => {
        const chunks: Buffer[] = []
        for (const cookies of res.headers['set-cookie'] ?? []) browser.jar.setCookieSync(cookies, site.url)
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

function expectRefused(answer: RawAnswer): void {
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  expect(answer.text).not.toContain('    at ')
  expect(JSON.stringify(answer.headers)).not.toContain('a=b')
}

function expectProblem(answer: RawAnswer): void {
  expectRefused(answer)
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(JSON.parse(answer.text)).toMatchObject({
    status: answer.status,
    code: expect.stringMatching(/^ERR_AUTH_(?:REQUEST|TRANSACTION)$/) as unknown,
  })
}
