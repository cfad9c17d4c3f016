import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import express4 from 'express4'
import express5, { type Request, type RequestHandler } from 'express'
import passport from 'passport'
import { latchkey, perTenant, type AuthError, type Latchkey, type User } from '../../lib/index.ts'
import type { ProviderSignIn } from '../../lib/passport/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { CLIENT_ID, SECRET } from '../support/app.ts'
import { Browser } from '../support/browser.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { signIn } from '../support/sign-in.ts'
import { severalSites } from '../support/several-site.ts'

const provider = oidc({ issuer: 'https://id.example', clientId: CLIENT_ID })
const BASE = { baseUrl: 'https://app.example', secret: SECRET }

describe('auth.strategy()', () => {
  const codeOf = (work: () => unknown): string => {
    try {
      work()
    } catch (error) {
      return `${(error as AuthError).code} ${(error as Error).message}`
    }
    return 'nothing'
  }

  test('is named as its provider', () => {
    const several = latchkey({ ...BASE, providers: { healthkey: provider, work: provider } })

    expect(several.strategy('healthkey', async () => false).name).toBe('healthkey')
    expect(latchkey({ ...BASE, provider }).strategy(async () => false).name).toBe('main')
    expect(latchkey({ ...BASE, provider, name: 'staff' }).strategy('staff', async () => false).name).toBe('staff')
  })

  test('says what is wrong with its arguments', () => {
    const one = latchkey({ ...BASE, provider })
    const several = latchkey({ ...BASE, providers: { healthkey: provider } })
    const loose = several.strategy as unknown as (...given: unknown[]) => unknown

    expect(codeOf(() => several.strategy('helthkey', async () => false))).toMatch(/^ERR_AUTH_OPTIONS .*healthkey/)
    expect(codeOf(() => several.strategy(async () => false))).toMatch(/^ERR_AUTH_OPTIONS .*must come first/)
    expect(codeOf(() => one.strategy('other', async () => false))).toMatch(/^ERR_AUTH_OPTIONS/)
    expect(codeOf(() => loose('healthkey'))).toMatch(/^ERR_AUTH_OPTIONS .*"verify" must be/)
    expect(codeOf(() => loose('healthkey', { passReq: true }, () => false))).toMatch(/^ERR_AUTH_OPTIONS .*"passReq"/)
  })

  test('types what verify is given, and what it may answer', () => {
    const auth = latchkey({ ...BASE, providers: { healthkey: provider } })
    const strategies = new passport.Passport()

    strategies.use('a', auth.strategy('healthkey', async (signedIn) => {
      const known: User = signedIn.user
      // @ts-expect-error -- the token is asked for
      const token: string = signedIn.accessToken()
      return token === '' ? false : { id: known.sub }
    }))
    strategies.use('b', auth.strategy('healthkey', { passReqToCallback: true }, (req, signedIn, done) => {
      const [request, given]: [Request, ProviderSignIn] = [req, signedIn]
      done(null, { path: request.path, id: given.grantId }, { message: 'hello' })
      // @ts-expect-error -- a user is an object
      done(null, 'alice')
    }))
    // @ts-expect-error -- a user is an object
    auth.strategy('healthkey', async () => 'alice')
    // @ts-expect-error -- without passReqToCallback there is no request
    auth.strategy('healthkey', (req: Request, given: ProviderSignIn, done: () => void) => void [req, given, done])

    expect(auth.strategy('healthkey', async () => null)).toHaveProperty('authenticate')
  }) // prettier-ignore
})

describe.each([
  ['4', express4],
  ['5', express5],
])('in Express %s', (_version, express) => {
  let site: MountedApp
  let auth: Latchkey
  beforeAll(async () => {
    site = await startMountedApp(['', '/area'], ({ options, runtime }) => {
      const app = express()
      const area = latchkey({ ...options('/area'), name: 'area' }, runtime)
      auth = latchkey(options(), runtime)
      const strategies = new passport.Passport()
      strategies.serializeUser((user, done) => done(null, user))
      strategies.deserializeUser((user, done) => done(null, user as Express.User))
      strategies.use(
        auth.strategy({ passReqToCallback: true }, async (req, { user }) => ({ id: user.sub, at: req.path })),
      )
      strategies.use(area.strategy(async ({ user }) => ({ id: `${user.sub} of the area` })))
      app.use('/area', area)
      app.use(auth)
      app.use(strategies.initialize(), strategies.session() as RequestHandler)
      for (const [name, path] of [
        ['main', ''],
        ['area', '/area'],
      ] as const) {
        const authenticate = strategies.authenticate(name, {
          successReturnToOrRedirect: `${path}/who`,
        }) as RequestHandler
        app.get([`${path}/login`, `${path}/callback`], authenticate)
      }
      app.get(
        ['/who', '/area/who'],
        (req, res) => void res.json({ user: req.user ?? null, sub: req.auth.user?.sub ?? null }),
      )
      app.get('/out', (req, res, next) => req.logout((error) => (error ? next(error) : res.json('out'))))
      app.use(auth.errorHandler)
      return app
    })
  })
  afterAll(async () => {
    await site.close()
    await auth.close()
  })

  test('it signs in, and Passport signs out', async () => {
    const browser = await site.signedIn('/login')

    expect((await browser.get(`${site.url}/who`)).json()).toEqual({
      user: { id: 'alice', at: '/callback' },
      sub: 'alice',
    })
    await browser.get(`${site.url}/out`)
    expect((await browser.get(`${site.url}/who`)).json()).toEqual({ user: null, sub: null })
  })

  test('it signs in below the path that its instance is mounted at', async () => {
    const page = await signIn(new Browser(), `${site.url}/area/login`)

    expect(page.url.pathname).toBe('/area/who')
    expect(page.json()).toMatchObject({ user: { id: 'alice of the area' } })
  })
})

describe('one strategy for each of several providers', () => {
  const start = severalSites()
  let asked: ProviderSignIn[] = []
  afterEach(() => {
    asked = []
  })

  test('leads to its own, and with the other verb connects a second account to the first', async () => {
    const site = await start({
      routes(app, auth) {
        const strategies = new passport.Passport()
        strategies.serializeUser((user, done) => done(null, user))
        strategies.deserializeUser((user, done) => done(null, user as Express.User))
        app.use(strategies.initialize(), strategies.session() as RequestHandler)
        for (const key of ['work', 'partner']) {
          strategies.use(key, auth.strategy(key, { passReqToCallback: true }, async (req, signedIn) => {
            asked.push(signedIn)
            return req.user ?? { id: signedIn.user.sub }
          })) // prettier-ignore
          const verb = key === 'work' ? 'authenticate' : 'authorize'
          app.get([`/login/${key}`, `/callback/${key}`], strategies[verb](key) as RequestHandler, (_req, res) =>
            res.redirect('/'),
          )
        }
        app.get('/passport', (req, res) => void res.json(req.user ?? null))
      },
    })

    const browser = await site.signedIn('work', 'partner')

    expect(asked.map(({ provider: key }) => key)).toEqual(['work', 'partner'])
    const { signedInWith, accounts } = await site.whoami(browser)
    expect(signedInWith).toBe('work')
    expect(Object.keys(accounts)).toEqual(['work', 'partner'])
    expect((await browser.get(`${site.url}/passport`)).json()).toEqual({ id: accounts['work'] })
    expect((await site.use(browser, 'partner')).status).toBe(200)
  })

  test('serves all tenants of its provider, each at its own callback', async () => {
    const site = await start({
      keys: ['acme', 'globex'],
      options: (of) => ({
        providers: {
          hub: perTenant({
            tenantOf: (req) => /\/(acme|globex)(?:[/?]|$)/.exec(req.originalUrl)?.[1],
            provider: (tenant) => of(tenant),
          }),
        },
      }),
      routes(app, auth) {
        const strategies = new passport.Passport()
        strategies.serializeUser((user, done) => done(null, user))
        strategies.use(
          'hub',
          auth.strategy('hub', async (signedIn) => (asked.push(signedIn), { id: 1 })),
        )
        const authenticate = strategies.authenticate('hub', { successReturnToOrRedirect: '/' }) as RequestHandler
        app.get(['/login/hub/:tenant', '/callback/hub/:tenant'], authenticate)
      },
    })

    for (const tenant of ['acme', 'globex']) await site.signedIn(`hub/${tenant}`)

    expect(asked.map(({ provider: key, user }) => [key, user.sub])).toEqual([
      ['hub/acme', 'alice of acme'],
      ['hub/globex', 'alice of globex'],
    ])
  })

  test('leaves the other providers to our own routes', async () => {
    const site = await start({
      routes(app, auth) {
        const strategies = new passport.Passport()
        strategies.use(
          'work',
          auth.strategy('work', async () => false),
        )
        app.get('/login/work', (_req, res) => void res.send('of the application'))
      },
    })

    expect((await site.signedIn('partner')).cookies(site.url)).not.toHaveLength(0)
    expect((await (await site.signedIn('partner')).get(`${site.url}/login/work`)).text).toBe('of the application')
  })
})
