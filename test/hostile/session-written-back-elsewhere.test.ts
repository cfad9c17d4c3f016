import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

describe.each<[string, boolean]>([
  ['the session of the package', false],
  ['a session of the application that is saved by every request', true],
])('a slow request in another process writes %s back', (_what, hasOwnSessions) => {
  let site: TestApp
  /** The first instance's way to the grants. */
  let way: UnreliableStore
  let other: string
  let browser: Browser
  /** Of the browser as it was signed in first. */
  let cookie: string
  let arrived: boolean
  let release: () => void

  beforeEach(async () => {
    const clock = new TestClock()
    const store = new session.MemoryStore()
    const grants = memoryGrants({ now: () => clock.now() })
    const ways: UnreliableStore[] = []
    const released = new Promise<void>((resolve) => (release = resolve))
    arrived = false
    const ownSession = session({ secret: 'of the application', store, resave: true, saveUninitialized: false })
    site = await startTestApp({
      clock,
      options: () => {
        ways.push(unreliable(grants))
        return { grants: (ways.at(-1) as UnreliableStore).store, ...(!hasOwnSessions && { session: { store } }) }
      },
      before: (app) => void (hasOwnSessions && app.use(ownSession)),
      routes(app) {
        app.get('/slow', async (req, res) => {
          arrived = true
          await released
          Object.assign(req.session, { seen: true })
          res.end()
        })
        app.post('/renew', async (req, res) => {
          const { latchkey } = req.session
          await new Promise((resolve) => req.session.regenerate(resolve))
          Object.assign(req.session, { latchkey })
          res.end()
        })
      },
    })
    other = await site.another()
    way = ways[0] as UnreliableStore
    browser = await site.signedIn()
    cookie = browser.cookieHeader(site.url)
  })
  afterEach(async () => {
    way.back()
    await browser.close()
    await site.close()
  })

  async function during(act: () => Promise<unknown>): Promise<void> {
    const slow = site.browser().get(`${other}/slow`, { headers: { cookie } })
    await until(() => arrived, 'the slow request')
    await act()
    release()
    await slow
  }
  const me = async (headers = { cookie }): Promise<number[]> => {
    const visitor = site.browser()
    const answers = await Promise.all([site.url, other].map((url) => visitor.get(`${url}/me`, { headers })))
    await visitor.close()
    return answers.map(({ status }) => status)
  }
  const signOut = (): Promise<unknown> => browser.post(`${site.url}/logout`, new URLSearchParams())

  test('after a sign-out, and nobody is signed in by that', async () => {
    await during(signOut)

    expect(await me()).toEqual([401, 401])
  })

  test('after the sessions were ended from outside', async () => {
    await during(() => site.auth.grants.forSubject('alice').endSessions())

    expect(await me()).toEqual([401, 401])
  })

  test('after the next sign-in of the browser', async () => {
    await during(() => browser.navigate(`${site.url}/login?returnTo=/me`))

    expect(await me()).toEqual([401, 401])
    expect(await me({ cookie: browser.cookieHeader(site.url) })).toEqual([200, 200])
  })

  test('in the middle of a sign-out, before the grants know of it', async () => {
    let signingOut: Promise<unknown> = Promise.resolve()
    await during(async () => {
      way.hang('end')
      signingOut = signOut()
      await until(() => way.calls('end') === 1, 'the sign-out')
      await new Promise((resolve) => setTimeout(resolve, 50)) // whatever else it does meanwhile
    })
    way.back()
    await signingOut

    expect(await me()).toEqual([401, 401])
  })

  test('during a sign-out that the grants could not be told of yet', async () => {
    await during(async () => {
      way.refuse('end')
      await signOut()
    })
    expect(await me()).toEqual([401, 200]) // nobody can know there
    way.back()

    await until(async () => (await me()).every((status) => status === 401), 'the end of the session')
  })

  describe('after the application has given it a new id', () => {
    const renew = (): Promise<unknown> => browser.post(`${site.url}/renew`, {})

    test('and the old one opens nothing', async () => {
      await during(renew)

      expect(await me()).toEqual([401, 401])
      expect(await me({ cookie: browser.cookieHeader(site.url) })).toEqual([200, 200])
    })

    test('also if the grants learn of the new id only after that', async () => {
      let renewing: Promise<unknown> = Promise.resolve()
      await during(async () => {
        way.hang('bindSession')
        renewing = renew()
        await until(() => way.calls('bindSession') === 1, 'the new id')
      })
      way.back()
      await renewing

      expect(await me()).toEqual([401, 401])
      expect(await me({ cookie: browser.cookieHeader(site.url) })).toEqual([200, 200])
    })

    test('when the grants could not be told of it, the next write tells them', async () => {
      way.refuse('bindSession')
      await renew()
      way.back()
      const headers = { cookie: browser.cookieHeader(site.url) }
      expect(await me(headers)).toEqual([200, 200])
      release()
      await browser.get(`${site.url}/slow`)

      await site.auth.grants.forSubject('alice').endSessions()

      expect(await me(headers)).toEqual([401, 401])
    })
  })

  describe('that the application has given a new id', () => {
    beforeEach(async () => {
      await browser.post(`${other}/renew`, {})
      cookie = browser.cookieHeader(site.url)
    })

    test('the new session is the one that is ended from outside', async () => {
      expect(await me()).toEqual([200, 200])
      const [{ id } = { id: '' }] = await site.auth.grants.forSubject('alice').list()

      expect(await site.auth.grants.forSubject('alice').endSession(id)).toBe(true)

      expect(await me()).toEqual([401, 401])
    })

    test('and stays so', async () => {
      await during(() => site.auth.grants.forSubject('alice').endSessions())

      expect(await me()).toEqual([401, 401])
    })
  })
})
