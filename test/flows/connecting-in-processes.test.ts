import { describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import { CLIENT_ID } from '../support/app.ts'
import { Browser } from '../support/browser.ts'
import { LOGOUT_EVENT } from '../support/logout-tokens.ts'
import { severalSites, type SeveralSite, type SeveralSiteOptions } from '../support/several-site.ts'
import { unreliable } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()
const KEYS = ['work', 'partner', 'third']

/** What the processes share. */
function shared(store: session.Store, grants = memoryGrants()): SeveralSiteOptions {
  return {
    keys: KEYS,
    options: (provider) => ({
      grants,
      session: { store },
      providers: Object.fromEntries(KEYS.map((key) => [key, provider(key)])),
    }),
    routes(app, auth) {
      app.get('/partner', auth.requireAuth({ provider: 'partner' }), (_req, res) => void res.send('the page'))
    },
  }
}

/** Begins a sign-in. @returns the answer of its server, which the browser has not followed yet. */
async function answerOf(site: SeveralSite, key: string, browser: Browser): Promise<URL> {
  const begun = await browser.navigate(`${site.url}/login/${key}?returnTo=/`, { redirectLimit: 0 })
  const asked = await browser.navigate(begun.headers.get('location') ?? '', { redirectLimit: 0 })
  return new URL(asked.headers.get('location') ?? '')
}

describe('connected accounts, in two processes', () => {
  test('two are connected at once: the process that comes too late does not take the user for signed out ever after', async () => {
    const late: (() => Promise<void>)[] = []
    /** Lets something happen right before the session is left. */
    class Store extends session.MemoryStore {
      override set(sid: string, data: session.SessionData, done?: (error?: unknown) => void): void {
        const isLeft = Object.values(data.latchkey ?? {}).some(({ movedAt }) => movedAt !== undefined)
        const first = isLeft ? late.pop() : undefined
        void (first?.() ?? Promise.resolve()).then(() => super.set(sid, data, done))
      }
    }
    const site = await startSite(shared(new Store()))
    const other = await site.another()
    const browser = await site.signedIn('work')
    const headers = { cookie: browser.cookieHeader(site.url) }
    const [first, second] = [await answerOf(site, 'partner', browser), await answerOf(site, 'third', browser)]
    const elsewhere = new Browser()
    late.push(async () => {
      await elsewhere.navigate(other + second.pathname + second.search, { headers, redirectLimit: 0 })
    })

    await browser.navigate(first, { headers, redirectLimit: 0 })

    const cookie = elsewhere.cookieHeader(other)
    const seen = async (url: string): Promise<unknown> =>
      (await new Browser().get(`${url}/whoami`, { headers: { cookie } })).json()
    expect(await seen(other)).toMatchObject({ signedInWith: 'work', accounts: { third: 'alice of third' } })
    expect(await seen(site.url)).toEqual(await seen(other))
  })

  test('its provider tells one process that the end-user has signed out there: the guard of the other knows', async () => {
    const site = await startSite(shared(new session.MemoryStore()))
    const other = await site.another()
    const browser = await site.signedIn('work', 'partner')
    const server = site.server('partner')
    const iat = Math.floor(site.clock.now() / 1_000)
    const claims = { iss: server.issuer, aud: CLIENT_ID, iat, exp: iat + 60, jti: 'once', sub: 'alice of partner', events: { [LOGOUT_EVENT]: {} } } // prettier-ignore
    const token = await server.sign(claims, { typ: 'logout+jwt' })

    const told = await new Browser().post(
      `${other}/backchannel-logout/partner`,
      new URLSearchParams({ logout_token: token }),
    )

    expect(told.status).toBe(200)
    expect((await browser.get(`${site.url}/partner`)).status).toBe(401)
  })

  test('two are disconnected at once: neither comes back', async () => {
    const way = unreliable(memoryGrants())
    const site = await startSite(shared(new session.MemoryStore(), way.store))
    const other = await site.another()
    const browser = await site.signedIn('work', 'partner', 'third')
    const before = way.calls('end')
    way.hang('end')
    const both = ['partner', 'third'].map((key) => browser.post(`${site.url}/disconnect/${key}`, {}))
    await until(() => way.calls('end') === before + 2, 'both')
    way.back()
    await Promise.all(both)

    const headers = { cookie: browser.cookieHeader(site.url) }
    expect((await new Browser().get(`${other}/whoami`, { headers })).json()).toEqual({
      signedInWith: 'work',
      sub: 'alice of work',
      accounts: { work: 'alice of work' },
    })
  })
})
