import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startPassportSite, type PassportSite } from '../support/passport-site.ts'
import { signIn } from '../support/sign-in.ts'

describe.each([true, false])('a hostile browser or site, where Passport has a session: %p', (session) => {
  let site: PassportSite
  beforeAll(async () => {
    site = await startPassportSite({ authenticate: { session } })
  })
  afterEach(() => {
    site.asked.length = 0
  })
  afterAll(async () => {
    await site.close()
  })

  const redemptions = (): number => site.authorizationServer.tokenRequests('authorization_code').length

  /** The provider's answer, which the browser does not follow. */
  async function responseFor(browser: Browser): Promise<string> {
    await signIn(browser, `${site.url}/login`)
    let next = `${site.url}/login`
    for (let hops = 0; hops < 10 && !next.startsWith(`${site.url}/callback`); hops += 1) {
      const { headers } = await browser.navigate(next, { redirectLimit: 0 })
      next = new URL(headers.get('location') ?? '', next).href
    }
    return next
  }

  test.each([
    ['no parameters', ''],
    ['no state', '?code=stolen'],
    ['an empty state', '?code=stolen&state='],
    ['a state that was made elsewhere', '?code=stolen&state=made-up'],
    ['an error without state', '?error=access_denied'],
    ['two states', '?code=stolen&state=a&state=b'],
  ])('an answer with %s: an error, and neither a code redeemed nor a new sign-in', async (_what, query) => {
    const browser = site.browser()
    const before = redemptions()

    const page = await browser.navigate(`${site.url}/callback${query}`)

    expect(page.status).toBe(400)
    expect(page.hops).toHaveLength(1)
    expect(redemptions()).toBe(before)
    expect(await site.who(browser)).toMatchObject({ passport: null, latchkey: null })
  })

  test('the answer to another browser’s sign-in is not redeemed here', async () => {
    const [attacker, victim] = [site.browser(), site.browser()]
    const stolen = await responseFor(attacker)
    site.asked.length = 0
    const before = redemptions()

    const page = await victim.navigate(stolen, { from: 'https://evil.example', redirectLimit: 0 })

    expect(page.status).toBe(303)
    expect(new URL(page.headers.get('location') ?? '', site.url).pathname).toBe('/login')
    expect(redemptions()).toBe(before)
    expect(site.asked).toHaveLength(0)
    expect(await site.who(victim)).toMatchObject({ passport: null, latchkey: null })
  })

  test('the page after the callback does not learn the code from the address before', async () => {
    const browser = site.browser()
    const response = await responseFor(browser)

    const answer = await browser.navigate(response, { redirectLimit: 0 })

    expect(answer.status).toBe(302)
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('an answer that comes again signs nobody in again', async () => {
    const browser = site.browser()
    const page = await signIn(browser, `${site.url}/login`)
    const callback = page.hops.find(({ url }) => url.includes('/callback?'))?.url ?? ''
    const before = redemptions()

    const again = await browser.navigate(callback, { redirectLimit: 0 })

    expect(callback).not.toBe('')
    expect(again.status).toBe(303)
    expect(new URL(again.headers.get('location') ?? '', site.url).pathname).toBe(session ? '/' : '/login')
    expect(redemptions()).toBe(before)
    expect(site.asked).toHaveLength(1)
  })

  test.each([
    '//evil.example', '/\\evil.example', '/\t/evil.example', 'https://evil.example', '/a/../..//evil.example', 'javascript:alert(1)', '/%0d%0aSet-Cookie:%20a=b',
  ])('a way back to %j stays on this site, in the address or in the session', async (returnTo) => {
    const inAddress = await signIn(site.browser(), `${site.url}/login?${new URLSearchParams({ returnTo }).toString()}`)
    const browser = site.browser()
    await browser.get(`${site.url}/plant?${new URLSearchParams({ returnTo }).toString()}`)
    const inSession = await signIn(browser, `${site.url}/login`)

    expect([inAddress.url.origin, inSession.url.origin]).toEqual([site.url, site.url])
    expect([inAddress, inSession].flatMap(({ hops }) => hops).filter(({ url }) => url.includes('evil.example/')).length).toBe(0)
  }) // prettier-ignore

  test('a session that was given to the browser does not become the signed-in one', async () => {
    const attacker = site.browser()
    await attacker.get(`${site.url}/plant`)
    const planted = await site.who(attacker)
    const victim = site.browser()
    for (const cookie of attacker.cookies(site.url)) victim.jar.setCookieSync(cookie.toString(), site.url)
    expect((await site.who(victim)).sessionId).toBe(planted.sessionId)

    await signIn(victim, `${site.url}/login`)

    expect(await site.who(attacker)).toMatchObject({ passport: null, latchkey: null })
    expect((await site.who(victim)).session.includes('planted')).toBe(!session)
  })
})
