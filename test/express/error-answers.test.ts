import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { AuthError, type AuthErrorCode, type ErrorPageContext } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'

const STATUS: Readonly<Record<AuthErrorCode, number>> = {
  ERR_AUTH_OPTIONS: 500,
  ERR_AUTH_SETUP: 500,
  ERR_AUTH_REQUEST: 400,
  ERR_AUTH_REQUEST_TIMEOUT: 408,
  ERR_AUTH_TOO_LARGE: 413,
  ERR_AUTH_TRANSACTION: 400,
  ERR_AUTH_DENIED: 403,
  ERR_AUTH_REQUIRED: 401,
  ERR_AUTH_REVOKED: 401,
  ERR_AUTH_FORBIDDEN: 403,
  ERR_AUTH_CROSS_SITE: 403,
  ERR_AUTH_PATH: 404,
  ERR_AUTH_METHOD: 405,
  ERR_AUTH_MISCONFIGURED: 502,
  ERR_AUTH_UNTRUSTED: 502,
  ERR_AUTH_UNAVAILABLE: 503,
  ERR_AUTH_RECORD: 500,
  ERR_AUTH_UPSTREAM: 502,
  ERR_AUTH_UPSTREAM_BUSY: 503,
  ERR_AUTH_UPSTREAM_TIMEOUT: 504,
}
const CODES = Object.entries(STATUS) as [AuthErrorCode, number][]
const INTERNAL = 'postgres://user:pass@10.0.0.7 <b>said</b> no'

describe('what an error looks like', () => {
  const passedOn: unknown[] = []
  let site: TestApp
  beforeAll(async () => {
    site = await startTestApp({
      routes(app, auth) {
        app.all('/fail/:code', (req, _res, next) => {
          const options = {
            cause: new Error(INTERNAL),
            retryAfterSeconds: req.query['after'] === undefined ? undefined : 7,
          }
          next(new AuthError(req.params['code'] as AuthErrorCode, INTERNAL, options))
        })
        app.get('/late', (_req, res, next) => {
          res.write('half')
          setImmediate(() => next(new AuthError('ERR_AUTH_REVOKED', 'over')))
        })
        app.get('/own', (_req, _res, next) => next(new Error('of the application')))
        app.use(auth.errorHandler)
        app.use((error: unknown, _req: unknown, _res: unknown, next: (error: unknown) => void) => {
          passedOn.push(error)
          next(error)
        })
      },
    })
    site.app.set('env', 'test')
  })
  afterAll(async () => {
    await site.close()
  })

  test.each(CODES)('%s is %i, as problem details for a program', async (code, status) => {
    const answer = await site.browser().get(`${site.url}/fail/${code}`)

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('retry-after')).toBeNull()
    expect(answer.json()).toMatchObject({ type: 'about:blank', status, code, title: expect.any(String) })
    // What is wrong with a request is for its sender, what is wrong here is not.
    expect(answer.text.includes('postgres')).toBe(status < 500)
    expect(answer.text).not.toMatch(/\bstack\b|\.ts:|\.js:|"cause"/)
  })

  test.each(CODES)('%s is %i, as a page for people', async (code, status) => {
    const page = await site.browser().navigate(`${site.url}/fail/${code}`, { method: 'POST', form: {}, from: site.url })

    expect(page.status).toBe(status)
    expect(page.headers.get('content-type')).toMatch(/^text\/html/)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /)
    expect(page.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/)
    expect(page.text).toMatch(/<html lang="en">/)
    expect(page.text.match(/<h1>[^<]+<\/h1>/g)).toHaveLength(1)
    expect(page.text).toMatch(/<title>[^<]+<\/title>/)
    expect(page.text).toContain('name="viewport"')
    expect(page.text).toContain('href="/"')
    expect(page.text).not.toMatch(/postgres|<script|\.ts:|\bat \w+ \(/)
  })

  test.each<[AuthErrorCode, boolean]>([
    ['ERR_AUTH_TRANSACTION', true],
    ['ERR_AUTH_DENIED', true],
    ['ERR_AUTH_UNTRUSTED', true],
    ['ERR_AUTH_FORBIDDEN', false],
    ['ERR_AUTH_SETUP', false],
    ['ERR_AUTH_UPSTREAM', false],
    ['ERR_AUTH_UNAVAILABLE', false],
  ])('%s: does signing in help? %p', async (code, helps) => {
    const page = await site.browser().navigate(`${site.url}/fail/${code}?x=1`)
    const answer = await site.browser().get(`${site.url}/fail/${code}`)

    expect(page.text.includes(`href="/login?returnTo=%2Ffail%2F${code}%3Fx%3D1"`)).toBe(helps)
    expect((answer.json() as { loginUrl?: string }).loginUrl).toBe(helps ? `${site.url}/login` : undefined)
  })

  test('the style of the page is the one that its policy allows', async () => {
    const page = await site.browser().navigate(`${site.url}/fail/ERR_AUTH_SETUP`)

    const style = /<style>([^]*?)<\/style>/.exec(page.text)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page.headers.get('content-security-policy')).toContain(`'sha256-${hash}'`)
  })

  test('what an address contains is escaped', async () => {
    const page = await site.browser().navigate(`${site.url}/fail/ERR_AUTH_DENIED?"><script>alert(1)</script>`)

    expect(page.text).not.toContain('<script')
    expect(page.text).toContain('returnTo=')
  })

  test('Retry-After says when it makes sense to come again', async () => {
    const answer = await site.browser().get(`${site.url}/fail/ERR_AUTH_UNAVAILABLE?after`)
    const page = await site.browser().navigate(`${site.url}/fail/ERR_AUTH_UNAVAILABLE?after`)

    expect(answer.headers.get('retry-after')).toBe('7')
    expect(page.headers.get('retry-after')).toBe('7')
  })

  test.each<AuthErrorCode>(['ERR_AUTH_REQUIRED', 'ERR_AUTH_REVOKED'])(
    'the error handler sends a page whose handler failed with %s to the sign-in and back',
    async (code) => {
      const page = await site.browser().navigate(`${site.url}/fail/${code}?tab=2`, { redirectLimit: 0 })

      expect(page.status).toBe(303)
      expect(page.headers.get('location')).toBe(`/login?returnTo=%2Ffail%2F${code}%3Ftab%3D2`)
    },
  )

  test('the error handler leaves other errors alone', async () => {
    const answer = await site.browser().get(`${site.url}/own`)

    expect(answer.status).toBe(500)
    expect(passedOn.at(-1)).toMatchObject({ message: 'of the application' })
  })

  test('an answer that has begun is cut off, not completed with an error', async () => {
    const answer = await answerTo(beginRequest(site.browser(), `${site.url}/late`).end())

    expect(await receive(answer)).toEqual({ text: 'half', end: 'cut' })
  })

  test('failures of ours are told, those of the request are not', async () => {
    const before = site.events.length
    await site.browser().get(`${site.url}/fail/ERR_AUTH_REQUEST`)
    await site.browser().get(`${site.url}/fail/ERR_AUTH_SETUP`)

    expect(site.events.slice(before)).toMatchObject([
      { type: 'error', code: 'ERR_AUTH_SETUP', route: '/fail/ERR_AUTH_SETUP' },
    ])
  })
})

describe('a page of the application’s own', () => {
  test('that fails is replaced by ours', async () => {
    const errorPage = (): string => {
      throw new Error('out of words')
    }
    const site = await startTestApp({ options: { errorPage } })
    try {
      const page = await site.browser().navigate(`${site.url}/callback?error=access_denied&state=nonsense`)

      expect(page.status).toBe(400)
      expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    } finally {
      await site.close()
    }
  })

  test('gets all that it needs and replaces ours', async () => {
    const contexts: ErrorPageContext[] = []
    const errorPage = (context: ErrorPageContext): string => {
      contexts.push(context)
      return '<h1>our own words</h1>'
    }
    const site = await startTestApp({ options: { errorPage } })
    try {
      const page = await site.browser().navigate(`${site.url}/callback?error=access_denied&state=nonsense`)
      const answer = await site.browser().get(`${site.url}/me`)

      expect(page).toMatchObject({ status: 400, text: '<h1>our own words</h1>' })
      expect(page.headers.get('content-security-policy')).toBeNull()
      expect(contexts).toHaveLength(1)
      expect(contexts[0]).toMatchObject({
        error: { code: 'ERR_AUTH_TRANSACTION' },
        title: expect.any(String),
        text: expect.any(String),
        homeUrl: '/',
        loginUrl: expect.stringMatching(/^\/login/),
      })
      expect(answer.headers.get('content-type')).toMatch(/json/)
    } finally {
      await site.close()
    }
  })
})
