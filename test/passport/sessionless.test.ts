import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { byName, startPassportSite, type PassportSite } from '../support/passport-site.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

describe('Passport with { session: false }', () => {
  let site: PassportSite
  beforeAll(async () => {
    site = await startPassportSite({ authenticate: { session: false, successRedirect: '/home' } })
  })
  afterEach(() => {
    site.verify = byName
    site.asked.length = 0
  })
  afterAll(async () => {
    await site.close()
  })

  test('nobody is in the session, which held the transaction alone', async () => {
    const browser = site.browser()
    await browser.navigate(`${site.url}/login`, { redirectLimit: 0 })
    const during = await site.who(browser)

    const page = await signIn(browser, `${site.url}/login?returnTo=/home`)

    const after = await site.who(browser)
    expect(page.text).toBe('home')
    expect(after).toMatchObject({ passport: null, latchkey: null, session: ['latchkey'] })
    expect(after.sessionId).toBe(during.sessionId)
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('it leads to where it was to lead to', async () => {
    const page = await signIn(site.browser(), `${site.url}/login?returnTo=/plant`)

    expect(page.url.pathname).toBe('/plant')
  })

  test('verify has the grant in its hands, and whoever knows the subject finds it', async () => {
    await signIn(site.browser(), `${site.url}/login`, { login: 'bob', password: 'builder' })
    const [given] = site.asked
    const bob = site.auth.grants.forSubject('bob')

    expect(given).toMatchObject({ user: { sub: 'bob' } })
    expect(await site.accepts((await given?.accessToken()) ?? '')).toBe(true)
    expect((await given?.fetch(`${site.api.url}/orders`))?.status).toBe(200)
    expect(await bob.list()).toMatchObject([{ id: given?.grantId, signedInAt: undefined }])
    expect(await bob.accessToken()).toBe(await given?.accessToken())
    expect(site.events.filter(({ type }) => type === 'sign-in')).toContainEqual(
      expect.objectContaining({ grantId: given?.grantId, subject: 'bob' }),
    )
  })

  test('200 calls that find the token expired cost one refresh', async () => {
    await signIn(site.browser(), `${site.url}/login`)
    const [given] = site.asked
    if (given === undefined) throw new Error('verify was not asked')
    const before = site.authorizationServer.tokenRequests('refresh_token').length
    site.clock.advance({ seconds: 61 })

    const answers = await Promise.all(Array.from({ length: 200 }, () => given.fetch(`${site.api.url}/orders`)))

    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
    expect(site.authorizationServer.tokenRequests('refresh_token').length - before).toBe(1)
  })

  test('whom verify refuses leaves no grant behind', async () => {
    let token = ''
    site.verify = async (given) => {
      token = await given.accessToken()
      return false
    }

    const page = await signIn(site.browser(), `${site.url}/login`)

    expect(page.text).toBe('refused')
    await until(async () => !(await site.accepts(token)), 'the revocation')
  })
})

describe('passport.authorize()', () => {
  test('gives the account to the application, and leaves whoever is logged in alone', async () => {
    const site = await startPassportSite({ authenticate: { assignProperty: 'account', failureRedirect: '/refused' } })
    try {
      const browser = site.browser()
      await browser.get(`${site.url}/plant`)
      const before = await site.who(browser)

      await signIn(browser, `${site.url}/login`)

      expect(site.asked).toHaveLength(1)
      const after = await site.who(browser)
      expect(after).toMatchObject({ passport: null, latchkey: null, sessionId: before.sessionId })
      expect(after.session).toEqual(expect.arrayContaining([...before.session]))
      expect(await site.auth.grants.forSubject('alice').list()).toHaveLength(1)
    } finally {
      await site.close()
    }
  })
})
