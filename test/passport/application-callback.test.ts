import type { Request, RequestHandler, Response } from 'express'
import { expect, test } from '@jest/globals'
import passport, { type AuthenticateOptions } from 'passport'
import type { ProviderSignIn, Verify } from '../../lib/passport/index.ts'
import { Browser } from '../support/browser.ts'
import { severalSites, type SeveralSite } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

type Answer = (error: unknown, user: unknown, req: Request, res: Response) => void

const byName: Verify = async ({ user }) => ({ id: user.sub })

const start = (answer: Answer, verify: Verify = byName, options: AuthenticateOptions = {}): Promise<SeveralSite> =>
  startSite({
    routes(app, auth) {
      const strategies = new passport.Passport()
      strategies.use('work', auth.strategy('work', verify))
      app.use(strategies.initialize())
      app.get('/login/work', strategies.authenticate('work') as RequestHandler)
      app.get('/callback/work', (req, res, next) => {
        const callback = (error: unknown, user: unknown): void => answer(error, user, req, res)
        const handler = strategies.authenticate('work', options, callback) as RequestHandler
        handler(req, res, next)
      })
    },
  })

test('one that logs nobody in leaves no grant behind', async () => {
  const site = await start((_error, _user, _req, res) => void res.status(403).end())

  expect((await new Browser().navigate(`${site.url}/login/work`)).status).toBe(403)

  const alice = site.auth.grants.forSubject('alice of work', { provider: 'work' })
  await until(async () => (await alice.list()).length === 0, 'the end of the grant')
})

test('with { session: false }, the grant is the application’s', async () => {
  let used: ProviderSignIn | undefined
  const verify: Verify = async (signIn) => ({ id: (used = signIn).user.sub })
  const site = await start((_error, _user, _req, res) => void res.status(200).end(), verify, { session: false })

  await new Browser().navigate(`${site.url}/login/work`)
  await new Browser().navigate(site.url) // long after the response

  expect(await used?.accessToken()).toMatch(/./)
})

test('one that logs in only after the response is told so, and nobody is signed in', async () => {
  let told: unknown
  const site = await start((_error, user, req, res) => {
    res.status(200).end()
    setTimeout(() => req.logIn(user as Express.User, (error: unknown) => (told = error)), 50)
  })
  const browser = new Browser()

  await browser.navigate(`${site.url}/login/work`)

  await until(() => told !== undefined, 'the answer of logIn()')
  expect(told).toMatchObject({ code: 'ERR_AUTH_TRANSACTION' })
  expect((await site.whoami(browser)).signedInWith).toBeUndefined()
})

test('one that throws is not called once more with what it threw', async () => {
  let calls = 0
  const site = await start((_error, _user, _req, res) => {
    calls += 1
    if (calls === 1) throw new Error('a mistake of the application')
    res.status(500).end()
  })

  const page = await new Browser().navigate(`${site.url}/login/work`)

  expect(page.status).toBe(500)
  expect(calls).toBe(1)
})

test('a verify that something is wrapped around may still answer by done()', async () => {
  const verify: Verify = ({ user }, done) => void setImmediate(() => done(null, { id: user.sub }))
  const wrapped: Verify = (...given) => verify(...given)
  const site = await start((_error, user, _req, res) => void res.json(user), wrapped)

  expect((await new Browser().navigate(`${site.url}/login/work`)).json()).toEqual({ id: 'alice of work' })
})
