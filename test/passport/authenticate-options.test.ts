import type { RequestHandler } from 'express'
import { expect, test } from '@jest/globals'
import passport from 'passport'
import { Browser } from '../support/browser.ts'
import { severalSites, type SeveralSite } from '../support/several-site.ts'

const startSite = severalSites()

/** Both strategies on all routes of both providers, the other one first. */
const start = (options: object): Promise<SeveralSite> =>
  startSite({
    routes(app, auth) {
      const strategies = new passport.Passport()
      strategies.serializeUser((user, done) => done(null, user))
      for (const key of ['work', 'partner'])
        strategies.use(
          key,
          auth.strategy(key, async ({ user }) => ({ id: user.sub })),
        )
      app.use(strategies.initialize())
      app.get(
        '/either',
        strategies.authenticate(['work', 'partner'], { successReturnToOrRedirect: '/', ...options }) as RequestHandler,
      )
      for (const [key, other] of [
        ['work', 'partner'],
        ['partner', 'work'],
      ] as const)
        // prettier-ignore
        app.get(
          [`/login/${key}`, `/callback/${key}`],
          strategies.authenticate([other, key], { successReturnToOrRedirect: '/', ...options }) as RequestHandler,
        )
    },
  })

test('a strategy leaves the routes of another provider to that one’s', async () => {
  const site = await start({})

  for (const key of ['work', 'partner']) {
    const browser = await site.signedIn(key)
    expect(await site.whoami(browser)).toMatchObject({ signedInWith: key, sub: `alice of ${key}` })
  }
})

test('nor does it take what arrived for another on a path of the application', async () => {
  const site = await start({})
  const browser = new Browser()
  const begun = await browser.navigate(`${site.url}/login/partner?returnTo=/`, { redirectLimit: 0 })
  const answered = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })

  await browser.navigate((answered.headers.get('location') ?? '').replace('/callback/partner', '/either'))

  expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'partner' })
})

test('parameters of the authorization request are passed on', async () => {
  const site = await start({ prompt: 'login', login_hint: 'alice@example.com', max_age: 300 })

  await new Browser().navigate(`${site.url}/login/work?prompt=none`, { redirectLimit: 0 }).then(async (begun) => {
    const asked = new URL(begun.headers.get('location') ?? '').searchParams
    expect(Object.fromEntries(asked)).toMatchObject({
      prompt: 'login',
      login_hint: 'alice@example.com',
      max_age: '300',
    })
  })
})

test.each([
  [{ scope: ['email'] }, /"scope" .*oidc/],
  [{ accessType: 'offline', state: 'x' }, /"accessType".*"state"/],
  [{ keepSessionInfo: true }, /"keepSessionInfo".*keepInSession/],
  [{ prompt: 'nonsense' }, /"prompt"/],
])('%j would have no effect, and is an error that says so', async (options, message) => {
  const site = await start(options)

  const page = await new Browser().navigate(`${site.url}/login/work`)

  expect(page.status).toBe(500)
  expect(site.events.find(({ type }) => type === 'error')).toMatchObject({
    code: 'ERR_AUTH_OPTIONS',
    error: { message: expect.stringMatching(message) },
  })
})
