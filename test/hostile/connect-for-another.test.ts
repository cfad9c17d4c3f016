import { describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import { Browser } from '../support/browser.ts'
import { severalSites, type SeveralSite, type SeveralSiteOptions } from '../support/several-site.ts'
import { unreliable } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

/** Begins to connect the account at `partner`. @returns the answer of its server, which the browser has not followed yet. */
async function connecting(site: SeveralSite, browser: Browser): Promise<string> {
  const begun = await browser.navigate(`${site.url}/login/partner?returnTo=/`, { redirectLimit: 0 })
  const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  return asked.headers.get('location') ?? ''
}

async function expectNothingKept(site: SeveralSite): Promise<void> {
  await until(() => site.server('partner').requests('/revoke').length === 1, 'the revocation')
  expect(await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()).toEqual([])
}

describe('an account is connected for who began it, and for nobody else', () => {
  test('not for the one who has signed in meanwhile', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    site.server('work').script = { claims: { sub: 'bob of work' } }
    await browser.navigate(`${site.url}/login/work?returnTo=/`)
    await until(() => site.server('work').requests('/revoke').length === 1, 'alice is signed out')

    const page = await browser.navigate(answer)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect(await site.whoami(browser)).toMatchObject({ sub: 'bob of work', accounts: { work: 'bob of work' } })
    await expectNothingKept(site)
  })

  test('not in the browser of another user, who was given the answer', async () => {
    const site = await startSite()
    const attacker = await site.signedIn('work')
    const answer = await connecting(site, attacker)
    site.server('work').script = { claims: { sub: 'bob of work' } }
    const victim = await site.signedIn('work')

    expect((await victim.navigate(answer)).status).toBe(400)
    expect((await site.whoami(victim)).accounts).toEqual({ work: 'bob of work' })
    expect(site.server('partner').requests('/token')).toEqual([])
  })

  test('the same user, signed in once more, is the same user', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    await browser.navigate(answer)

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
  })

  test('not after sign-out: and nobody is signed in by it either', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect((await browser.navigate(answer)).status).toBe(400)
    expect((await site.whoami(browser)).signedInWith).toBeUndefined()
    expect(site.server('partner').requests('/token')).toEqual([])
  })

  test('nor does it begin again by itself for the one who signed in after that', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    await browser.post(`${site.url}/logout`, new URLSearchParams())
    site.server('work').script = { claims: { sub: 'bob of work' } }
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    const page = await browser.navigate(answer)

    expect(page.status).toBe(400)
    expect((await site.whoami(browser)).accounts).toEqual({ work: 'bob of work' })
    expect(site.server('partner').requests('/authorize')).toHaveLength(1)
  })

  test('a reload of the answer that connected it leads where the user was going', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    await browser.navigate(answer)

    const page = await browser.navigate(answer)

    expect(page.url.pathname).toBe('/')
    expect((await site.whoami(browser)).accounts).toHaveProperty('partner')
    expect(site.server('partner').requests('/token')).toHaveLength(1)
  })

  test('not when the sign-out comes while the code is exchanged', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const cookie = browser.cookieHeader(site.url)
    const answer = await connecting(site, browser)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    site.server('partner').script = {
      ...site.server('partner').script,
      tokenAnswer: (honest) => (res) =>
        void released.then(() =>
          res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(honest)),
        ),
    }

    const arriving = browser.navigate(answer)
    await until(() => site.server('partner').requests('/token').length === 1, 'the code')
    await browser.post(`${site.url}/logout`, new URLSearchParams(), { headers: { cookie } })
    release()

    expect((await arriving).status).toBe(400)
    expect((await site.whoami(browser)).signedInWith).toBeUndefined()
    await expectNothingKept(site)
  })

  test('not when somebody ends the sign-in from outside meanwhile, in another process', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')
    const answer = await connecting(site, browser)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    site.server('partner').script = {
      ...site.server('partner').script,
      tokenAnswer: (honest) => (res) =>
        void released.then(() =>
          res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(honest)),
        ),
    }
    const arriving = browser.navigate(answer)
    await until(() => site.server('partner').requests('/token').length === 1, 'the code')
    await site.auth.grants.forSubject('alice of work', { provider: 'work' }).endSessions()
    release()

    expect((await arriving).status).toBe(400)
    await expectNothingKept(site)
  })
})

describe('a sign-out in another process, at the moment that an account is connected', () => {
  test('nothing is kept of the account, and nobody is signed in', async () => {
    const way = unreliable(memoryGrants())
    const site = await startSite({
      options: (provider) => ({
        grants: way.store,
        session: { store: new session.MemoryStore() },
        providers: { work: provider('work'), partner: provider('partner') },
      }),
    })
    const other = await site.another()
    const browser = await site.signedIn('work')
    const cookie = browser.cookieHeader(site.url)

    const answer = await connecting(site, browser)
    way.hang('create')
    const arriving = browser.navigate(answer)
    await until(() => way.calls('create') === 2, 'the account')
    await new Browser().post(`${other}/logout`, new URLSearchParams(), { headers: { cookie } })
    way.back()

    expect((await arriving).status).toBe(400)
    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    await expectNothingKept(site)
  })
})

describe.each<[string, SeveralSiteOptions]>([
  ['the session of the package', {}],
  [
    "the application's own session, saved by every request",
    {
      before: (app) =>
        app.use(session({ secret: 'the secret of the application', resave: true, saveUninitialized: false })),
    },
  ],
])('connecting moves to a new session, %s', (_whose, options) => {
  test('the id before opens nothing any more', async () => {
    const site = await startSite(options)
    const browser = await site.signedIn('work')
    const before = browser.cookieHeader(site.url)

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    expect(browser.cookieHeader(site.url)).not.toBe(before)
    const thief = await site.signedIn()
    const answer = await thief.get(`${site.url}/whoami`, { headers: { cookie: before } })
    expect(answer.json()).toEqual({ accounts: {} })
  })

  test('so a request that outlasts it does not take the connection away', async () => {
    let arrived = false
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const site = await startSite({
      ...options,
      routes(app) {
        app.get('/slow', async (req, res) => {
          arrived = true
          await released
          Object.assign(req.session, { seen: true })
          res.end()
        })
      },
    })
    const browser = await site.signedIn('work')
    const slow = browser.get(`${site.url}/slow`)
    await until(() => arrived, 'the slow request')

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)
    release()
    await slow

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
    expect((await site.use(browser, 'partner')).status).toBe(200)
    expect((await site.use(browser, 'work')).status).toBe(200)
  })

  test('ending the sign-in from outside finds the session where it is now', async () => {
    const site = await startSite(options)
    const browser = await site.signedIn('work', 'partner')

    await site.auth.grants.forSubject('alice of work', { provider: 'work' }).endSessions()

    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    expect(site.server('partner').requests('/revoke')).toHaveLength(1)
  })
})
