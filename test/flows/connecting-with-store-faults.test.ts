import { describe, expect, test } from '@jest/globals'
import { memoryGrants, type GrantStore } from '../../lib/index.ts'
import { severalSites, type SeveralSite } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

/** Its first `bindSession` happens, and the answer is lost; after that it is away for as many more. */
function losingBindings(real: GrantStore, awayFor: number, called: () => void): GrantStore {
  let calls = 0
  return new Proxy(real, {
    get(target, name: keyof GrantStore) {
      if (name !== 'bindSession') return typeof target[name] === 'function' ? target[name].bind(target) : target[name]
      return async (...given: Parameters<GrantStore['bindSession']>) => {
        calls += 1
        called()
        if (calls === 1 || calls > 1 + awayFor) await target.bindSession(...given)
        if (calls <= 1 + awayFor) throw new Error('connection lost')
      }
    },
  })
}

/** An application whose grant store goes away as an account is connected. */
async function startFaulty(awayFor: number): Promise<SeveralSite & { bindings: () => number }> {
  let bindings = 0
  const grants = losingBindings(memoryGrants(), awayFor, () => (bindings += 1))
  const site = await startSite({
    options: (provider) => ({ grants, providers: { work: provider('work'), partner: provider('partner') } }),
    routes(app) {
      app.get('/put', (req, res) => {
        Object.assign(req.session, { draft: 'kept' })
        res.end()
      })
      app.get('/draft', (req, res) => void res.json((req.session as { draft?: string }).draft ?? null))
    },
  })
  return { ...site, bindings: () => bindings }
}

describe('connecting fails when the grant store goes away', () => {
  test('the session before can still be written once that is back', async () => {
    const site = await startFaulty(1)
    const browser = await site.signedIn('work')
    expect((await browser.navigate(`${site.url}/login/partner?returnTo=/`)).status).toBe(503)

    await browser.get(`${site.url}/put`)

    expect((await browser.get(`${site.url}/draft`)).json()).toBe('kept')
    expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'work' })
  })

  test('the store is told by itself which session goes on, for the sake of other processes', async () => {
    const site = await startFaulty(2)
    const browser = await site.signedIn('work')
    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    await until(() => {
      site.clock.advance({ seconds: 5 })
      return site.bindings() >= 4
    }, 'the store to be told')
    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
  })
})
