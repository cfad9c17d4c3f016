import { describe, expect, test } from '@jest/globals'
import { Browser } from '../support/browser.ts'
import { startLinkingSite } from '../support/linking-site.ts'
import { severalSites, type SeveralSite } from '../support/several-site.ts'

const startSite = severalSites()

const grantsOf = async (site: SeveralSite, key: string): Promise<number> =>
  (await site.auth.grants.forSubject(`alice of ${key}`, { provider: key }).list()).length

describe('passport.authorize()', () => {
  test('connects the account to who is signed in, and signing out ends it', async () => {
    const { site, links, asked, who } = await startLinkingSite(startSite)
    const browser = await site.signedIn('work', 'partner')

    expect(asked.map(({ purpose }) => purpose)).toEqual(['sign-in', 'connect'])
    expect(links).toEqual(['alice of work: alice of partner'])
    expect(await who(browser)).toEqual({ passport: 'alice of work', latchkey: 'alice of work' })
    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
    expect((await site.use(browser, 'partner')).status).toBe(200)
    await browser.post(`${site.url}/logout`, new URLSearchParams())
    expect(await grantsOf(site, 'partner')).toBe(0)
  })

  test('does not ask verify about an account that another user began to connect', async () => {
    const { site, links, answerOf } = await startLinkingSite(startSite)
    const browser = await site.signedIn('work')
    const answer = await answerOf('partner', browser)
    site.server('work').script = { claims: { sub: 'bob of work' } }
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    const page = await browser.navigate(answer)

    expect(page.status).toBe(400)
    expect(links).toEqual([])
    expect(await grantsOf(site, 'partner')).toBe(0)
  })

  test('nor about one that nobody began to connect, once somebody has signed in', async () => {
    const { site, links, answerOf } = await startLinkingSite(startSite)
    const browser = new Browser()
    const answer = await answerOf('partner', browser)
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    const page = await browser.navigate(answer)

    expect(page.status).toBe(400)
    expect(links).toEqual([])
    expect(await grantsOf(site, 'partner')).toBe(0)
  })

  test('gives the account to the application where nobody is signed in', async () => {
    const { site, asked, who } = await startLinkingSite(startSite)

    const browser = await site.signedIn('partner')

    expect(await who(browser)).toEqual({ passport: null, latchkey: null })
    expect(asked.map(({ purpose }) => purpose)).toEqual(['connect'])
    expect(await asked[0]?.accessToken()).toMatch(/./)
  })

  test('asks first where another site has led to it', async () => {
    const { site, asked } = await startLinkingSite(startSite)

    const page = await new Browser().navigate(`${site.url}/login/partner`, { from: 'https://evil.example/' })

    expect(page.text).toContain('Do not connect')
    expect(asked).toHaveLength(0)
  })

  test('gives it to the application as well where they are signed in with that provider', async () => {
    const { site, asked, verbs, who } = await startLinkingSite(startSite)
    const browser = await site.signedIn('work')
    verbs['work'] = { begin: 'authorize', complete: 'authorize' }
    site.server('work').script = { claims: { sub: 'bob of work' } }

    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    expect(asked.at(-1)).toMatchObject({ purpose: 'connect', user: { sub: 'bob of work' } })
    expect(await who(browser)).toEqual({ passport: 'alice of work', latchkey: 'alice of work' })
    expect(await asked.at(-1)?.accessToken()).toMatch(/./)
  })
})

describe('passport.authenticate()', () => {
  test('signs in anew where somebody is signed in with another provider', async () => {
    const { site, verbs, links, who } = await startLinkingSite(startSite)
    verbs['partner'] = { begin: 'authenticate', complete: 'authenticate' }

    const browser = await site.signedIn('work', 'partner')

    expect(await who(browser)).toEqual({ passport: 'alice of partner', latchkey: 'alice of partner' })
    expect(links).toEqual([])
    expect((await site.whoami(browser)).accounts).toEqual({ partner: 'alice of partner' })
    expect(await grantsOf(site, 'work')).toBe(0)
  })

  test('is refused for a provider that does not sign in', async () => {
    const { site, verbs } = await startLinkingSite(startSite, (of) => ({
      providers: { work: of('work'), partner: of('partner') },
      signInWith: ['work'],
    }))
    verbs['partner'] = { begin: 'authenticate', complete: 'authenticate' }

    await new Browser().navigate(`${site.url}/login/partner`)

    expect(site.events.find(({ type }) => type === 'error')).toMatchObject({
      code: 'ERR_AUTH_OPTIONS',
      error: { message: expect.stringContaining('passport.authorize()') },
    })
  })

  test('leaves no grant behind when its user cannot be serialised, nor what was connected before', async () => {
    const { site, failSerializing, who } = await startLinkingSite(startSite)
    const browser = await site.signedIn('work', 'partner')
    failSerializing.on = true

    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    expect(await who(browser)).toEqual({ passport: null, latchkey: null })
    expect([await grantsOf(site, 'work'), await grantsOf(site, 'partner')]).toEqual([0, 0])
  })
})

test.each([
  ['authorize', 'authenticate'],
  ['authenticate', 'authorize'],
] as const)('what %s began is not completed by %s, and its code is not redeemed', async (begin, complete) => {
  const { site, verbs, asked, who } = await startLinkingSite(startSite)
  const browser = await site.signedIn('work')
  verbs['partner'] = { begin, complete }

  const page = await browser.navigate(`${site.url}/login/partner`)

  expect(page.status).toBe(400)
  expect(site.server('partner').tokenRequests('authorization_code')).toHaveLength(0)
  expect(asked).toHaveLength(1)
  expect(await who(browser)).toEqual({ passport: 'alice of work', latchkey: 'alice of work' })
})
