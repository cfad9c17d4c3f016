import { describe, expect, test } from '@jest/globals'
import { perTenant } from '../../lib/index.ts'
import { Browser } from '../support/browser.ts'
import { held, type Held } from '../support/held.ts'
import { amend, severalSites, type SeveralSite } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()
const METADATA = '/.well-known/openid-configuration'
const JSON_TYPE = { 'content-type': 'application/json' }

/** Begins a sign-in. @returns the answer of its server, which the browser has not followed yet. */
async function answerOf(site: SeveralSite, key: string, browser: Browser): Promise<string> {
  const begun = await browser.navigate(`${site.url}/login/${key}?returnTo=/`, { redirectLimit: 0 })
  const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  return asked.headers.get('location') ?? ''
}

/** The server of `key` takes its time for its metadata. */
async function holdMetadata(site: SeveralSite, key: string): Promise<Held & { asked: Promise<void> }> {
  const server = site.server(key)
  const honest = await (await fetch(server.issuer + METADATA)).text()
  const before = server.requests(METADATA).length
  const hold = held()
  amend(server, { metadataAnswer: (res) => void hold.released.then(() => res.writeHead(200, JSON_TYPE).end(honest)) })
  return { ...hold, asked: until(() => server.requests(METADATA).length > before, 'the metadata') }
}

/** What comes late carries the cookie of the session before, and must not have the last word about it. */
describe('an account is connected in one tab', () => {
  test('while another tab connects one, too: nobody is signed out by that', async () => {
    const site = await startSite({ keys: ['work', 'partner', 'third'] })
    const browser = await site.signedIn('work')
    const [first, second] = [await answerOf(site, 'partner', browser), await answerOf(site, 'third', browser)]
    const hold = held()
    amend(site.server('third'), {
      tokenAnswer: (honest) => (res) =>
        void hold.released.then(() => res.writeHead(200, JSON_TYPE).end(JSON.stringify(honest))),
    })

    const slow = browser.navigate(second, { from: site.server('third').issuer })
    await until(() => site.server('third').requests('/token').length === 1, 'the code')
    await browser.navigate(first)
    hold.release()
    const page = await slow

    expect(await site.whoami(browser)).toMatchObject({
      signedInWith: 'work',
      accounts: { partner: 'alice of partner' },
    })
    expect(page.text).toContain('to your account?</h1>')
    await browser.submitForm(page)
    expect((await site.whoami(browser)).accounts).toMatchObject({
      partner: 'alice of partner',
      third: 'alice of third',
    })
  })

  test('while another tab is about to go to a provider: nobody is signed out by that', async () => {
    const site = await startSite({ keys: ['work', 'partner', 'third'] })
    const browser = await site.signedIn('work')
    const answer = await answerOf(site, 'partner', browser)
    const hold = await holdMetadata(site, 'third')

    const slow = browser.navigate(`${site.url}/login/third?returnTo=/`, { redirectLimit: 0 })
    await hold.asked
    await browser.navigate(answer)
    hold.release()
    await slow

    expect(await site.whoami(browser)).toMatchObject({
      signedInWith: 'work',
      accounts: { partner: 'alice of partner' },
    })
  })
})

test('a tab that is about to go to the sign-in of one tenant does not undo the sign-in of another tab', async () => {
  const tenants = ['contoso', 'fabrikam']
  const site = await startSite({
    keys: tenants,
    options: (provider) => ({
      provider: perTenant({
        tenantOf: () => 'contoso',
        provider: (tenant) => (tenants.includes(tenant) ? provider(tenant) : undefined),
      }),
    }),
  })
  const browser = new Browser()
  const answer = await answerOf(site, 'contoso', browser)
  const hold = await holdMetadata(site, 'fabrikam')

  const slow = browser.navigate(`${site.url}/login/fabrikam?returnTo=/`, { redirectLimit: 0 })
  await hold.asked
  await browser.navigate(answer)
  hold.release()
  await slow

  expect((await site.whoami(browser)).signedInWith).toBe('main/contoso')
})
