import type { Request, RequestHandler } from 'express'
import passport, { type AuthenticateOptions } from 'passport'
import type { ProviderSignIn } from '../../lib/passport/index.ts'
import type { Browser } from './browser.ts'
import type { SeveralSite, SeveralSiteOptions } from './several-site.ts'

type Verb = 'authenticate' | 'authorize'

interface AppUser {
  readonly id: string
}

export interface LinkingSite {
  readonly site: SeveralSite
  /** Of accounts to who was logged in, as `verify` was asked. */
  readonly links: string[]
  readonly asked: ProviderSignIn[]
  /** Of both routes of a provider, from now on. `begin` and `complete` may differ. */
  readonly verbs: Record<string, { begin: Verb; complete: Verb }>
  readonly failSerializing: { on: boolean }
  /** Whom Passport and we hold for the user. */
  readonly who: (browser: Browser) => Promise<{ passport: string | null; latchkey: string | null }>
  /** The answer of a provider, which the browser does not follow. */
  readonly answerOf: (key: string, browser: Browser) => Promise<string>
}

/** Signs in with `work` or `partner`, and links the account to who is logged in where that is begun by `passport.authorize()`. */
export async function startLinkingSite(
  start: (given?: SeveralSiteOptions) => Promise<SeveralSite>,
  options?: SeveralSiteOptions['options'],
): Promise<LinkingSite> {
  const links: string[] = []
  const asked: ProviderSignIn[] = []
  const failSerializing = { on: false }
  const verbs: LinkingSite['verbs'] = {
    work: { begin: 'authenticate', complete: 'authenticate' },
    partner: { begin: 'authorize', complete: 'authorize' },
  }
  const site = await start({
    ...(options !== undefined && { options }),
    routes(app, auth) {
      const strategies = new passport.Passport()
      strategies.serializeUser((user, done) =>
        failSerializing.on ? done(new Error('cannot be serialised')) : done(null, user),
      )
      strategies.deserializeUser((user, done) => done(null, user as Express.User))
      app.use(strategies.initialize(), strategies.session() as RequestHandler)
      const handlerFor = (key: string, verb: Verb): RequestHandler => {
        const given: AuthenticateOptions = verb === 'authenticate' ? { successReturnToOrRedirect: '/' } : {}
        return strategies[verb](key, given) as RequestHandler
      }
      for (const key of ['work', 'partner']) {
        const verify = async (req: Request, signIn: ProviderSignIn): Promise<AppUser> => {
          asked.push(signIn)
          if (signIn.purpose === 'connect') links.push(`${(req.user as AppUser | undefined)?.id}: ${signIn.user.sub}`)
          return { id: signIn.user.sub }
        }
        strategies.use(key, auth.strategy(key, { passReqToCallback: true }, verify))
        for (const [path, part] of [
          ['login', 'begin'],
          ['callback', 'complete'],
        ] as const)
          // prettier-ignore
          app.get(
            `/${path}/${key}`,
            (req, res, next) => handlerFor(key, verbs[key]?.[part] ?? 'authenticate')(req, res, next),
            (_req, res) => res.redirect('/'),
          )
      }
      app.get('/who', (req, res) => {
        res.json({ passport: (req.user as AppUser | undefined)?.id ?? null, latchkey: req.auth.user?.sub ?? null })
      })
    },
  })
  return {
    site, links, asked, verbs, failSerializing,
    who: async (browser) => (await browser.get(`${site.url}/who`)).json() as { passport: string | null; latchkey: string | null },
    async answerOf(key, browser) {
      const begun = await browser.navigate(`${site.url}/login/${key}?returnTo=/`, { redirectLimit: 0 })
      const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
      return answered.headers.get('location') ?? ''
    },
  } // prettier-ignore
}
