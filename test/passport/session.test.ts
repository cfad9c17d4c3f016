import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { RequestHandler } from 'express'
import type { AuthError } from '../../lib/index.ts'
import type { Verify } from '../../lib/passport/index.ts'
import type { Browser } from '../support/browser.ts'
import { byName, startPassportSite, type PassportSite } from '../support/passport-site.ts'
import { passInteractions, signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

const failing: Verify = async () => {
  throw new Error('the database is away')
}

describe.each([false, true])(
  'Passport with its session, where the application mounts the session itself: %p',
  (own) => {
    let site: PassportSite
    beforeAll(async () => {
      site = await startPassportSite({ hasOwnSession: own, options: { keepInSession: ['kept'] } })
    })
    afterEach(() => {
      site.verify = byName
      site.failSerializing = false
      site.asked.length = 0
    })
    afterAll(async () => {
      await site.close()
    })

    const asked = (): PassportSite['asked'][number] => {
      const last = site.asked.at(-1)
      if (last === undefined) throw new Error('verify was not asked')
      return last
    }
    const signOuts = (): number => site.events.filter(({ type }) => type === 'sign-out').length

    test('a sign-in gives the user to Passport and to us', async () => {
      const browser = await site.signedIn()

      expect(await site.who(browser)).toMatchObject({ passport: 'alice', latchkey: 'alice' })
      expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice', name: 'Alice Liddell' })
      expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
      expect(site.asked).toHaveLength(1)
      expect(asked()).toMatchObject({ provider: 'main', user: { sub: 'alice' }, scope: 'openid profile email' })
      expect(JSON.stringify(asked())).not.toMatch(/token/i)
    })

    test('it ends where it was to lead to, or where Passport is told', async () => {
      const page = await signIn(site.browser(), `${site.url}/login?returnTo=/plant`)
      const home = await signIn(site.browser(), `${site.url}/login`)

      expect(page.url.pathname).toBe('/plant')
      expect(home.url.pathname).toBe('/home')
    })

    test('it ends where the application has noted in the session, by the convention of Passport', async () => {
      const browser = site.browser()
      await browser.get(`${site.url}/plant?returnTo=/me`)

      const page = await signIn(browser, `${site.url}/login`)

      expect(page.url.pathname).toBe('/me')
      expect((await site.who(browser)).session).not.toContain('returnTo')
    })

    test('verify can use the grant at once', async () => {
      let status = 0
      site.verify = async (given) => {
        status = (await given.fetch(`${site.api.url}/orders`)).status
        return { id: `${given.user.sub} ${await site.accepts(await given.accessToken())}` }
      }
      const browser = await site.signedIn()

      expect(status).toBe(200)
      expect(await site.who(browser)).toMatchObject({ passport: 'alice true' })
    })

    test('verify may answer by done()', async () => {
      site.verify = ({ user }, done) => void setImmediate(() => done(null, { id: `${user.sub} by done` }))

      expect(await site.who(await site.signedIn())).toMatchObject({ passport: 'alice by done', latchkey: 'alice' })
    })

    test.each<[string, PassportSite['verify']]>([
      ['false', async () => false],
      ['null', async () => null],
      ['done(null, false)', (_signIn, done) => done(null, false, { message: 'not on the list' })],
    ])('whom verify refuses with %s is not signed in, and their grant is revoked', async (_how, verify) => {
      let token = ''
      site.verify = async (given, done) => {
        token = await given.accessToken()
        return verify(given, done)
      }
      const browser = site.browser()
      const before = await browser.get(`${site.url}/plant`).then(() => site.who(browser))

      const page = await signIn(browser, `${site.url}/login`)

      expect(page).toMatchObject({ status: 200, text: 'refused' })
      expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null, sessionId: before.sessionId })
      expect((await browser.get(`${site.url}/me`)).status).toBe(401)
      await until(async () => !(await site.accepts(token)), 'the revocation')
      const code = await asked().accessToken().catch((error: unknown) => (error as AuthError).code) // prettier-ignore
      expect(code).toBe('ERR_AUTH_REVOKED')
    })

    test.each<[string, () => void]>([
      ['verify fails', () => (site.verify = (_signIn, done) => done(new Error('the database is away')))],
      ['verify throws', () => (site.verify = failing)],
      ['the user cannot be serialised', () => (site.failSerializing = true)],
    ])(
      'where %s, nobody is signed in, the grant is revoked and the error is the application’s',
      async (_what, fail) => {
        fail()
        const { verify } = site
        let token = ''
        site.verify = async (given, done) => {
          token = await given.accessToken()
          return verify(given, done)
        }
        const browser = site.browser()

        const page = await signIn(browser, `${site.url}/login`)

        expect(page.status).toBe(500)
        expect(page.url.pathname).toBe('/callback')
        expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
        await until(async () => !(await site.accepts(token)), 'the revocation')
      },
    )

    test('who says no at the provider comes to failureRedirect', async () => {
      const browser = site.browser()

      const page = await signIn(browser, `${site.url}/login`, { consent: 'deny' })

      expect(page).toMatchObject({ status: 200, text: 'refused' })
      expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
      expect(site.asked).toHaveLength(0)
    })

    test('a client that the provider refuses is an error, and no way round in circles', async () => {
      const browser = site.browser()
      site.authorizationServer.failTokenEndpoint({ status: 401, body: { error: 'invalid_client' } })

      const page = await signIn(browser, `${site.url}/login`)

      site.authorizationServer.failTokenEndpoint(undefined)
      expect(page.status).toBe(502)
      expect(page.url.pathname).toBe('/callback')
      expect(site.events.findLast(({ type }) => type === 'error')).toMatchObject({ code: 'ERR_AUTH_MISCONFIGURED' })
    })

    test('a sign-in leaves the session before behind, and what could have been planted there', async () => {
      const browser = site.browser()
      await browser.get(`${site.url}/plant`)
      const before = await site.who(browser)

      await signIn(browser, `${site.url}/login`)

      const after = await site.who(browser)
      expect(before.session).toEqual(['kept', 'planted', 'returnTo'])
      expect(after.session).toEqual(['kept', 'latchkey', 'passport'])
      expect(after.sessionId).not.toBe(before.sessionId)
    })

    test('200 requests that find the token expired cost one refresh, and all are answered', async () => {
      const browser = await site.signedIn()
      const before = site.authorizationServer.tokenRequests('refresh_token').length
      site.clock.advance({ seconds: 61 })

      const answers = await Promise.all(Array.from({ length: 200 }, () => browser.get(`${site.url}/api/orders`)))

      expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
      expect(site.authorizationServer.tokenRequests('refresh_token').length - before).toBe(1)
      expect(await site.who(browser)).toMatchObject({ passport: 'alice', latchkey: 'alice' })
    })

    test('the sign-in is known by the session that Passport made for it', async () => {
      const browser = await site.signedIn('bob')
      const user = site.auth.grants.forSubject('bob')
      expect(await user.list()).toMatchObject([{ id: asked().grantId }])

      expect(await user.endSessions()).toBe(1)

      expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
    })

    test('req.auth.logout() ends Passport’s login, too', async () => {
      const browser = await site.signedIn()
      const token = (await browser.get(`${site.url}/token`)).json() as string

      await browser.post(`${site.url}/our-logout`, {})

      expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null, session: [] })
      expect(await site.accepts(token)).toBe(false)
    })

    test('req.logout() of Passport ends our sign-in, and revokes its grant', async () => {
      const browser = await site.signedIn()
      const token = (await browser.get(`${site.url}/token`)).json() as string
      const [before, told] = [await site.who(browser), signOuts()]

      await browser.post(`${site.url}/passport-logout`, {})

      const after = await site.who(browser)
      expect(after).toMatchObject({ passport: null, latchkey: null })
      expect(after.session).not.toContain('passport')
      expect(after.sessionId).not.toBe(before.sessionId)
      expect((await browser.get(`${site.url}/me`)).status).toBe(401)
      await until(async () => !(await site.accepts(token)), 'the revocation')
      expect(signOuts()).toBe(told + 1)
    })

    test('a second sign-in replaces the first', async () => {
      const browser = await site.signedIn()
      const first = asked().grantId

      const page = await signIn(browser, `${site.url}/login?returnTo=/me`)

      expect(page.status).toBe(200)
      expect(asked().grantId).not.toBe(first)
      expect(await site.who(browser)).toMatchObject({ passport: 'alice', latchkey: 'alice' })
      expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
    })

    test('whom verify refuses at a second sign-in stays who they were', async () => {
      const browser = await site.signedIn()
      site.verify = async () => false

      await signIn(browser, `${site.url}/login`)

      expect(await site.who(browser)).toMatchObject({ passport: 'alice', latchkey: 'alice' })
      expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
    })

    test('our own sign-in path stays guarded by nothing but GET', async () => {
      expect((await site.browser().post(`${site.url}/login`, {})).status).toBe(405)
    })
  },
)

describe('a callback of the application’s own', () => {
  let browser: Browser
  let site: PassportSite
  afterEach(async () => {
    await site.close()
  })

  test('may refuse: who is not logged in to Passport is not signed in with us', async () => {
    site = await startPassportSite({
      callback: (strategies) => (req, res, next) => {
        const handler = strategies.authenticate('work', (error: unknown, user: unknown) =>
          error ? next(error) : res.json({ seen: user }),
        ) as RequestHandler
        handler(req, res, next)
      },
    })
    browser = site.browser()

    const page = await passInteractions(browser, await browser.navigate(`${site.url}/login`))

    expect(page.json()).toEqual({ seen: { id: 'alice' } })
    expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
  })

  test('may log in', async () => {
    site = await startPassportSite({
      callback: (strategies) => (req, res, next) => {
        const handler = strategies.authenticate('work', (_error: unknown, user?: Express.User | false | null) =>
          req.logIn(user as Express.User, (error) => (error ? next(error) : res.redirect('/home'))),
        ) as RequestHandler
        handler(req, res, next)
      },
    })
    browser = site.browser()

    const page = await signIn(browser, `${site.url}/login`)

    expect(page.text).toBe('home')
    expect(await site.who(browser)).toMatchObject({ passport: 'alice', latchkey: 'alice' })
  })
})
