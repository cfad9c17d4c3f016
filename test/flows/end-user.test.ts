import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { AuthError, memoryGrants, type EndUser, type Latchkey } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

/** A session store whose `destroy` fails on command. */
class BrittleStore extends session.MemoryStore {
  failures = 0
  succeedFirst = 0

  override destroy(id: string, done?: (error?: unknown) => void): void {
    if (this.succeedFirst > 0) this.succeedFirst -= 1
    else if (this.failures > 0) {
      this.failures -= 1
      return done?.(new Error('connection refused'))
    }
    super.destroy(id, done)
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof AuthError ? error.code : 'another error'),
  )
}

describe.each<[string, boolean]>([
  ['in sessions of the package', false],
  ["in the application's own sessions", true],
])("an end-user's sign-ins, %s", (_whose, hasOwnSessions) => {
  let site: TestApp
  let store: BrittleStore
  let way: UnreliableStore
  let other: string
  let browsers: Browser[]

  beforeEach(async () => {
    const clock = new TestClock()
    store = new BrittleStore()
    way = unreliable(memoryGrants({ now: () => clock.now() }))
    const ownSession = session({ secret: 'of the application', store, resave: false, saveUninitialized: false })
    site = await startTestApp({
      clock,
      options: { grants: way.store, ...(!hasOwnSessions && { session: { store } }) },
      before: (app) => void (hasOwnSessions && app.use(ownSession)),
      routes(app, auth) {
        const others = auth.grants
        app.get('/token', async (req, res) => void res.send(await req.auth.accessToken()))
        app.post('/sign-out-others', auth.requireAuth(), async (req, res) => {
          res.json(await others.forSubject(req.auth.user?.sub ?? '').endSessions({ except: req }))
        })
        app.post('/renew-and-sign-out-others', auth.requireAuth(), async (req, res) => {
          const { latchkey } = req.session
          await new Promise((resolve) => req.session.regenerate(resolve))
          Object.assign(req.session, { latchkey })
          res.json(await others.forSubject(req.auth.user?.sub ?? '').endSessions({ except: req }))
        })
      },
    })
    other = await site.another()
    browsers = []
  })
  afterEach(async () => {
    way.back()
    await Promise.all(browsers.map((browser) => browser.close()))
    await site.close()
  })

  const alice = ({ grants }: Latchkey = site.auth): EndUser => grants.forSubject('alice')
  const signedIn = async (login = 'alice'): Promise<Browser> => {
    const browser = await site.signedIn(login)
    browsers.push(browser)
    return browser
  }
  /** At both instances. */
  const me = async (browser: Browser): Promise<number[]> =>
    (await Promise.all([site.url, other].map((url) => browser.get(`${url}/me`)))).map(({ status }) => status)
  const use = (token: string): Promise<Response> =>
    fetch(`${site.api.url}/orders`, { headers: { authorization: `Bearer ${token}` } })
  const token = async (browser: Browser): Promise<Answer> => browser.get(`${site.url}/token`)

  test('a job gets an access token while the end-user is away, refreshed if need be, once', async () => {
    const browser = await signedIn()
    site.clock.advance({ seconds: 61 })

    const tokens = await Promise.all(Array.from({ length: 20 }, () => alice().accessToken()))

    expect(new Set(tokens).size).toBe(1)
    expect((await use(tokens[0] ?? '')).status).toBe(200)
    expect((await token(browser)).text).toBe(tokens[0])
    expect(site.authorizationServer.tokenRequests('refresh_token')).toHaveLength(1)
    expect(site.authorizationServer.reuseAlarms).toBe(0)
  })

  test('it comes from the newest sign-in that holds', async () => {
    const [first, second] = [await signedIn(), await signedIn()]
    await signedIn('bob')
    expect(await alice().accessToken()).toBe((await token(second)).text)

    await second.post(`${site.url}/logout`, new URLSearchParams())

    expect(await alice().accessToken()).toBe((await token(first)).text)
    await first.post(`${site.url}/logout`, new URLSearchParams())
    expect(await codeOf(alice().accessToken())).toBe('ERR_AUTH_REQUIRED')
  })

  test('they are listed with what a person can tell them apart by, oldest first, and without tokens', async () => {
    const from = site.clock.now()
    const browser = await signedIn()
    site.clock.advance({ seconds: 61 })
    await signedIn()
    await token(browser)

    const list = await alice().list()

    expect(list).toMatchObject([
      { provider: 'main', userAgent: 'Mozilla/5.0 (test browser)', generation: 2, isRefreshable: true },
      { provider: 'main', userAgent: 'Mozilla/5.0 (test browser)', generation: 1, isRefreshable: true },
    ])
    const [one, two] = list
    expect(one?.signedInAt).toBeGreaterThanOrEqual(from)
    expect(two?.signedInAt).toBeGreaterThan((one?.signedInAt ?? 0) + 60_000)
    expect(one?.scope).toContain('openid')
    expect(JSON.stringify(list)).not.toContain((await token(browser)).text)
  })

  test('an end-user whom nobody has seen has none', async () => {
    const nobody = site.auth.grants.forSubject('nobody')

    expect(await nobody.list()).toEqual([])
    expect([await nobody.revoke(), await nobody.endSessions(), await nobody.endSession('x')]).toEqual([0, 0, false])
    expect(await codeOf(nobody.accessToken())).toBe('ERR_AUTH_REQUIRED')
  })

  test('a provider that is not configured is a mistake of the application', () => {
    expect(() => site.auth.grants.forSubject('alice', { provider: 'elsewhere' })).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }),
    )
  })

  test('"sign out my other devices": they are out at once everywhere, this one and other people stay', async () => {
    const [here, there, elsewhere, bob] = [await signedIn(), await signedIn(), await signedIn(), await signedIn('bob')]
    const lost = (await token(there)).text

    const answer = await here.post(`${site.url}/sign-out-others`, {})

    expect(answer.json()).toBe(2)
    expect([await me(there), await me(elsewhere)]).toEqual([
      [401, 401],
      [401, 401],
    ])
    expect([await me(here), await me(bob)]).toEqual([
      [200, 200],
      [200, 200],
    ])
    expect((await use(lost)).status).toBe(401)
    expect((await token(here)).status).toBe(200)
  })

  test('also when this one has just been given a new session id', async () => {
    const [here, there] = [await signedIn(), await signedIn()]

    expect((await here.post(`${site.url}/renew-and-sign-out-others`, {})).json()).toBe(1)

    expect([await me(here), await me(there)]).toEqual([
      [200, 200],
      [401, 401],
    ])
    expect((await token(here)).status).toBe(200)
  })

  test('one sign-in is ended by its id, but never that of another end-user', async () => {
    const [browser, bob] = [await signedIn(), await signedIn('bob')]
    const [ofBob] = await site.auth.grants.forSubject('bob').list()
    const [ofAlice] = await alice().list()

    expect(await alice().endSession(ofBob?.id ?? '')).toBe(false)
    expect(await me(bob)).toEqual([200, 200])
    expect(await alice().endSession(ofAlice?.id ?? '')).toBe(true)
    expect(await me(browser)).toEqual([401, 401])
    expect(await alice().endSession(ofAlice?.id ?? '')).toBe(false)
  })

  test('all are revoked at the server as well', async () => {
    const tokens = [(await token(await signedIn())).text, (await token(await signedIn())).text]

    expect(await alice().revoke()).toBe(2)

    expect(await Promise.all(tokens.map(async (one) => (await use(one)).status))).toEqual([401, 401])
    expect(await alice().list()).toEqual([])
    expect(site.events.filter(({ type }) => type === 'sign-out')).toHaveLength(2)
  })

  test('while the grants cannot be reached nothing is done, and a second try does it all', async () => {
    const browser = await signedIn()
    way.refuse()
    expect(await codeOf(alice().endSessions())).toBe('ERR_AUTH_UNAVAILABLE')
    expect(await codeOf(alice().list())).toBe('ERR_AUTH_UNAVAILABLE')
    expect(await codeOf(alice().accessToken())).toBe('ERR_AUTH_UNAVAILABLE')
    way.back()

    expect(await alice().endSessions()).toBe(1)

    expect(await me(browser)).toEqual([401, 401])
  })

  test('what they could not be told is told when they are back, whether or not anybody tries again', async () => {
    const browser = await signedIn()
    const lost = (await token(browser)).text
    way.refuse('end')
    expect(await codeOf(alice().endSessions())).toBe('ERR_AUTH_UNAVAILABLE')
    way.back()

    await until(async () => (await use(lost)).status === 401, 'the revocation')
    expect(await alice().list()).toEqual([])
    expect(await me(browser)).toEqual([401, 401])
  })

  test('nor while the sessions cannot be reached', async () => {
    const browser = await signedIn()
    store.failures = 1
    expect(await codeOf(alice().endSessions())).toBe('ERR_AUTH_UNAVAILABLE')
    expect((await alice().list()).length).toBe(1)

    expect(await alice().endSessions()).toBe(1)

    expect(await me(browser)).toEqual([401, 401])
  })

  test('a session store that fails half-way keeps no token from being revoked', async () => {
    const lost = (await token(await signedIn())).text
    store.succeedFirst = 1
    store.failures = 1

    expect(await codeOf(alice().endSessions())).toBe('ERR_AUTH_UNAVAILABLE')

    expect((await use(lost)).status).toBe(401)
  })
})
