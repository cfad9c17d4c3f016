import { describe, expect, test } from '@jest/globals'
import { severalSites } from '../support/several-site.ts'

const startSite = severalSites()

/** As CVE-2015-9284: whoever may be signed in at the provider without knowing it, must not be connected without wanting it. */
describe('another site cannot have an account connected to who is signed in', () => {
  test('by a link to the sign-in of the provider', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')

    await browser.navigate(`${site.url}/login/partner?returnTo=/`, { from: 'https://evil.example/' })

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
  })

  test('it leads to a page that asks; who presses the button has the account connected, and goes on', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work')

    const asked = await browser.navigate(`${site.url}/login/partner?returnTo=/me`, { from: 'https://evil.example/' })
    expect(asked.text).toContain('to your account?</h1>')
    expect(asked.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(site.server('partner').requests('/authorize')).toHaveLength(0)

    const page = await browser.submitForm(asked)
    expect(page.url.pathname).toBe('/me')
    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
  })

  test('a page that needs the account asks as well, when another site has led to it', async () => {
    const site = await startSite({
      routes: (app, auth) => app.get('/shared', auth.requireAuth({ provider: 'partner' }), (_req, res) => res.end()),
    })
    const browser = await site.signedIn('work')

    await browser.navigate(`${site.url}/shared`, { from: 'https://evil.example/' })

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
  })

  test('a state that was sent to one provider is not resumed at the sign-in of another', async () => {
    const site = await startSite({ keys: ['work', 'partner'] })
    const browser = await site.signedIn()
    const begun = await browser.navigate(`${site.url}/login/partner?returnTo=/`, { redirectLimit: 0 })
    const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state') ?? ''

    const page = await browser.navigate(`${site.url}/login/work?${new URLSearchParams({ resume: state }).toString()}`)

    expect(page.status).toBe(400)
    expect((await site.whoami(browser)).signedInWith).toBeUndefined()
  })

  test('by an answer to a sign-in that was begun at another provider, whose state it knows', async () => {
    const site = await startSite({ keys: ['work', 'partner', 'third'] })
    const browser = await site.signedIn('work')
    const begun = await browser.navigate(`${site.url}/login/partner?returnTo=/`, { redirectLimit: 0 })
    const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
    const answer = new URL(asked.headers.get('location') ?? '')
    await browser.navigate(answer)

    answer.pathname = '/callback/third'
    await browser.navigate(answer, { from: site.server('partner').issuer })

    const { accounts } = await site.whoami(browser)
    expect(accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
  })
})
