import { describe, expect, test } from '@jest/globals'
import type { Browser, Page } from '../support/browser.ts'
import { amend, severalSites, type SeveralSite } from '../support/several-site.ts'

const startSite = severalSites()

/** Begins a sign-in at one provider. @returns the answer of its server, which the browser has not followed yet. */
async function answerOf({ url }: SeveralSite, key: string, browser: Browser): Promise<URL> {
  const begun = await browser.navigate(`${url}/login/${key}?returnTo=/`, { redirectLimit: 0 })
  const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  return new URL(asked.headers.get('location') ?? '')
}

/** Delivers it at the callback of another provider. */
async function deliver(answer: URL, key: string, browser: Browser): Promise<Page> {
  const wrong = new URL(answer)
  wrong.pathname = `/callback/${key}`
  return browser.navigate(wrong)
}

describe.each<[string, boolean]>([
  ['servers that name themselves in their answers (RFC 9207)', true],
  ['servers that do not', false],
])('mix-up (RFC 9700 §4.4), %s', (_what, namesItself) => {
  async function start(): Promise<SeveralSite> {
    const site = await startSite()
    if (namesItself) return site
    for (const key of ['work', 'partner']) {
      amend(site.server(key), {
        metadata: { authorization_response_iss_parameter_supported: undefined },
        authorizationResponse: (response) => response.delete('iss'),
      })
    }
    return site
  }

  const expectNothingHappened = async (site: SeveralSite, browser: Browser, page: Page): Promise<void> => {
    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    for (const key of ['work', 'partner']) expect(site.server(key).requests('/token')).toEqual([])
  }

  test("the answer of one server at the other's callback: its code goes to neither, nobody is signed in", async () => {
    const site = await start()
    const browser = await site.signedIn()
    const answer = await answerOf(site, 'work', browser)

    const page = await deliver(answer, 'partner', browser)

    await expectNothingHappened(site, browser, page)
  })

  test('nor can it be delivered where it belongs afterwards', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const answer = await answerOf(site, 'work', browser)
    await deliver(answer, 'partner', browser)

    await browser.navigate(answer, { redirectLimit: 0 })

    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    expect(site.server('work').requests('/token')).toEqual([])
  })

  test("a code of one server with the state of a sign-in at the other, at the other's callback", async () => {
    const site = await start()
    const browser = await site.signedIn()
    const [stolen, honest] = [await answerOf(site, 'work', browser), await answerOf(site, 'partner', browser)]
    honest.searchParams.set('code', stolen.searchParams.get('code') ?? '')

    const page = await browser.navigate(honest)

    // Without a name in it nobody can tell, so the code goes where the sign-in was begun; PKCE makes it of no use there.
    expect(page.status).toBe(400)
    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    expect(site.server('work').requests('/token')).toEqual([])
  })

  test('by POST, too', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const answer = await answerOf(site, 'work', browser)

    const page = await browser.navigate(`${site.url}/callback/partner`, {
      method: 'POST',
      form: Object.fromEntries(answer.searchParams),
      from: site.server('work').issuer,
    })

    await expectNothingHappened(site, browser, page)
  })

  test('a posted answer that was sealed at one callback opens at no other', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const answer = await answerOf(site, 'work', browser)
    const sealed = await browser.navigate(`${site.url}/callback/work`, {
      method: 'POST',
      form: Object.fromEntries(answer.searchParams),
      from: site.server('work').issuer,
      redirectLimit: 0,
    })

    const page = await deliver(new URL(sealed.headers.get('location') ?? '', site.url), 'partner', browser)

    await expectNothingHappened(site, browser, page)
  })

  test('the same when an account is to be connected: nothing is', async () => {
    const site = await start()
    const browser = await site.signedIn('work')
    const answer = await answerOf(site, 'partner', browser)

    const page = await deliver(answer, 'work', browser)

    expect(page.status).toBe(400)
    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
    expect(site.server('partner').requests('/token')).toEqual([])
    expect(site.server('work').requests('/token')).toHaveLength(1)
  })
})
