import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express4 from 'express4'
import express5 from 'express'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { signIn } from '../support/sign-in.ts'
import { echo, startUpstream, type Upstream } from '../support/upstream.ts'

describe.each([
  ['4', express4],
  ['5', express5],
])('in Express %s', (_version, express) => {
  let site: MountedApp
  let upstream: Upstream
  let auth: Latchkey
  const errors: unknown[] = []
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startMountedApp(['', '/posted'], ({ options, runtime }) => {
      const app = express()
      auth = latchkey(options(), runtime)
      const byPost = latchkey({ ...options('/posted', { responseMode: 'form_post' }), name: 'posted' }, runtime)
      app.use(auth)
      // A parser that has nothing to parse leaves `{}` behind in Express 4.
      app.use('/posted', express.json(), byPost)
      app.get('/posted/me', byPost.requireAuth(), (req, res) => void res.json(req.auth.user))
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      const boom = auth.requireAuth({ check: async () => { throw new Error('the check broke') } }) // prettier-ignore
      app.get('/broken-check', boom, (_req, res) => void res.end())
      app.get('/token', auth.requireAuth(), (req, res, next) => {
        req.auth.accessToken().then((token) => res.json(token.length > 20), next)
      })
      app.use('/up', auth.requireAuth(), auth.proxy(upstream.url))
      app.use('/dead', auth.requireAuth(), auth.proxy('http://127.0.0.1:9'))
      app.use(auth.errorHandler)
      app.use((error: unknown, _req: express5.Request, res: express5.Response, _next: express5.NextFunction) => {
        errors.push(error)
        res.status(500).end('the application answers')
      })
      return app
    })
  })
  afterAll(async () => {
    await site.close()
    await auth.close()
    await upstream.close()
  })

  test('a guarded page signs in and comes back', async () => {
    const browser = await site.signedIn('/me?tab=2')

    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })
    expect((await browser.get(`${site.url}/token`)).json()).toBe(true)
  })

  test('an answer by form_post arrives behind a parser of the application', async () => {
    const browser = await site.signedIn('/posted/me')

    expect((await browser.get(`${site.url}/posted/me`)).json()).toMatchObject({ sub: 'alice' })
  })

  test('a script that is not signed in gets 401', async () => {
    const browser = await site.signedIn('/me')
    browser.jar.removeAllCookiesSync()

    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('the proxy forwards, with a body as without', async () => {
    const browser = await site.signedIn('/me')
    upstream.answer(echo)

    expect((await browser.get(`${site.url}/up/x?y`)).json()).toMatchObject({ url: '/x?y' })
    expect((await browser.post(`${site.url}/up/x`, { a: 1 })).json()).toMatchObject({ body: '{"a":1}' })
    expect((await browser.get(`${site.url}/dead/x`)).status).toBe(502)
  })

  test('what an asynchronous check throws reaches the error handler of the application', async () => {
    const browser = await site.signedIn('/me')

    const answer = await browser.get(`${site.url}/broken-check`)

    expect(answer.text).toBe('the application answers')
    expect(errors.at(-1)).toMatchObject({ message: 'the check broke' })
  })

  test('what a handler passes on from a grant that is over leads a page to the sign-in', async () => {
    const browser = await site.signedIn('/me')
    site.authorizationServer.revokeEverything()
    site.clock.advance({ seconds: 61 })

    const page = await browser.navigate(`${site.url}/token`, { redirectLimit: 0 })

    expect(page.status).toBe(303)
    expect(page.headers.get('location')).toBe('/login?returnTo=%2Ftoken')
  })

  test('signs out', async () => {
    const browser = await site.signedIn('/me')

    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(page.status).toBe(303)
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    expect((await signIn(browser, `${site.url}/me`)).status).toBe(200)
  })

  test('a provider that cannot be reached is answered, not thrown', async () => {
    const browser = await site.signedIn('/me')
    await site.authorizationServer.stop()
    site.clock.advance({ seconds: 61 })

    const answer = await browser.get(`${site.url}/up/x`)

    await site.authorizationServer.start()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  })
})
