import type { RequestHandler } from 'express'
import { describe, expect, test } from '@jest/globals'
import passport from 'passport'
import { amend, severalSites, type SeveralSite } from '../support/several-site.ts'
import type { Browser } from '../support/browser.ts'

const startSite = severalSites()

/** The server does not know the refresh token any more. */
async function endGrant(site: SeveralSite, browser: Browser): Promise<void> {
  amend(site.server('work'), {
    tokenAnswer: () => (res) =>
      res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'),
  })
  site.expireAccessTokens()
  expect((await site.use(browser, 'work')).status).toBe(401)
}

describe('signing out when the grant has ended already ends the session nonetheless', () => {
  test("with the application's part of it", async () => {
    const site = await startSite({
      routes(app) {
        app.get('/put', (req, res) => {
          Object.assign(req.session, { draft: 'private' })
          res.end()
        })
        app.get('/draft', (req, res) => void res.json((req.session as { draft?: string }).draft ?? null))
      },
    })
    const browser = await site.signedIn('work')
    await browser.get(`${site.url}/put`)
    await endGrant(site, browser)

    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect((await browser.get(`${site.url}/draft`)).json()).toBeNull()
  })

  test("and Passport's login", async () => {
    const site = await startSite({
      routes(app, auth) {
        const strategies = new passport.Passport()
        strategies.serializeUser((user, done) => done(null, user))
        strategies.deserializeUser((user, done) => done(null, user as Express.User))
        strategies.use(
          'work',
          auth.strategy('work', async ({ user }) => ({ id: user.sub })),
        )
        app.use(strategies.initialize(), strategies.session() as RequestHandler)
        const authenticate = strategies.authenticate('work', { successReturnToOrRedirect: '/' }) as RequestHandler
        app.get(['/login/work', '/callback/work'], authenticate)
        app.get('/passport', (req, res) => void res.json(req.user ?? null))
      },
    })
    const browser = await site.signedIn('work')
    expect((await browser.get(`${site.url}/passport`)).json()).toEqual({ id: 'alice of work' })
    await endGrant(site, browser)

    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect((await browser.get(`${site.url}/passport`)).json()).toBeNull()
  })
})
