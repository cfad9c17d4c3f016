import expressSession from 'express-session'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import passport, { type AuthenticateOptions } from 'passport'
import type { ProviderSignIn, Verify } from '../../lib/passport/index.ts'
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts'
import type { Browser } from './browser.ts'

export interface PassportSiteOptions extends Pick<TestAppOptions, 'options' | 'provider'> {
  /** Of both routes. */
  authenticate?: AuthenticateOptions
  /** In place of `passport.authenticate()` at the callback. */
  callback?: (strategies: passport.Authenticator) => RequestHandler
  /** The application mounts a session of its own before. */
  hasOwnSession?: boolean
  /** By default the application's users are told by their `sub`. */
  verify?: Verify
}

/** An application whose users sign in through Passport, with everything else as in a test app. */
export interface PassportSite extends TestApp {
  /** What `verify` was asked, in order. */
  readonly asked: ProviderSignIn[]
  /** From now on `verify` answers so. */
  verify: Verify
  /** Makes `serializeUser` fail. */
  failSerializing: boolean
  who(browser: Browser): Promise<Who>
  /** Does the API still accept it? */
  accepts(accessToken: string): Promise<boolean>
}

export interface Who {
  /** Passport's user. */
  readonly passport: string | null
  /** Ours. */
  readonly latchkey: string | null
  /** Keys of the session but for `cookie`, sorted. */
  readonly session: readonly string[]
  readonly sessionId: string
}

interface AppUser {
  readonly id: string
}

export async function startPassportSite(given: PassportSiteOptions = {}): Promise<PassportSite> {
  const { authenticate = {}, hasOwnSession = false } = given
  const asked: ProviderSignIn[] = []
  const state = { verify: given.verify ?? byName, failSerializing: false }
  const ownStore = new expressSession.MemoryStore()

  const site = await startTestApp({
    ...(given.options !== undefined && { options: given.options }),
    ...(given.provider !== undefined && { provider: given.provider }),
    before(app) {
      const own = expressSession({ secret: 'own', store: ownStore, resave: false, saveUninitialized: false })
      if (hasOwnSession) app.use(own)
    },
    routes(app, auth) {
      const strategies = newPassport(state)
      strategies.use(
        'work',
        auth.strategy((signIn, done) => (asked.push(signIn), state.verify(signIn, done))),
      )
      const callback = strategies.authenticate('work', {
        successReturnToOrRedirect: '/home',
        failureRedirect: '/refused',
        failureMessage: true,
        ...authenticate,
      }) as RequestHandler
      app.use(strategies.initialize(), strategies.session() as RequestHandler)
      app.get('/login', strategies.authenticate('work', authenticate) as RequestHandler)
      app.get('/callback', given.callback?.(strategies) ?? callback)
      app.get('/home', (_req, res) => void res.send('home'))
      app.get('/refused', (_req, res) => void res.send('refused'))
      app.get('/plant', (req, res) => {
        const returnTo = new URL(req.originalUrl, site.url).searchParams.get('returnTo') ?? ''
        Object.assign(req.session, { planted: 'yes', kept: 'too', returnTo })
        res.send('planted')
      })
      app.get('/who', tellWho)
      app.get('/token', async (req, res) => void res.json(await req.auth.accessToken()))
      app.post('/passport-logout', (req, res, next) => req.logout((error) => (error ? next(error) : res.redirect('/'))))
      app.post('/our-logout', async (req) => req.auth.logout())
    },
  })
  return Object.assign(state, {
    ...site,
    asked,
    who: async (browser: Browser) => (await browser.get(`${site.url}/who`)).json() as Who,
    async accepts(accessToken: string) {
      const answer = await fetch(`${site.api.url}/orders`, { headers: { authorization: `Bearer ${accessToken}` } })
      return answer.status === 200
    },
  })
}

export const byName: Verify = async ({ user }) => ({ id: user.sub })

function newPassport(state: { failSerializing: boolean }): passport.Authenticator {
  const strategies = new passport.Passport()
  strategies.serializeUser((user, done) => {
    if (state.failSerializing) done(new Error('cannot be serialised'))
    else done(null, (user as AppUser).id)
  })
  strategies.deserializeUser((id, done) => done(null, { id }))
  return strategies
}

function tellWho(req: Request, res: Response, _next: NextFunction): void {
  const who: Who = {
    passport: (req.user as AppUser | undefined)?.id ?? null,
    latchkey: req.auth.user?.sub ?? null,
    session: Object.keys(req.session).filter((key) => key !== 'cookie').toSorted(), // prettier-ignore
    sessionId: req.sessionID,
  }
  res.json(who)
}
