import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { latchkey, memoryGrants, type Latchkey } from '../../lib/index.ts'
import type { Provider } from '../../lib/providers/index.ts'
import { CLIENT_ID, SECRET } from '../support/app.ts'
import { LOGOUT_EVENT } from '../support/logout-tokens.ts'
import { severalSites, startSeveralSite, type SeveralSite } from '../support/several-site.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/until.ts'

describe('guards and proxies of one provider', () => {
  let site: SeveralSite
  let upstream: Upstream
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startSeveralSite({
      routes(app, auth) {
        app.get('/partner', auth.requireAuth({ provider: 'partner' }), (_req, res) => void res.send('the page'))
        app.get('/bob', auth.requireAuth({ provider: 'partner', claims: { sub: 'bob of partner' } }), (_req, res) => void res.end()) // prettier-ignore
        app.use('/up', auth.requireAuth({ provider: 'partner' }), auth.proxy(upstream.url, { provider: 'partner' }))
        app.use('/unguarded', auth.proxy(upstream.url, { provider: 'partner' }))
        app.get('/connect', (req) => req.auth.provider('partner').connect({ returnTo: '/partner' }))
        app.get('/nowhere', (req, res) => void res.json(req.auth.provider('nowhere')))
        app.post('/leave', (req) => req.auth.provider('work').disconnect())
      },
    })
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  test('nobody is signed in: a page to choose on, then the page; a script is told where', async () => {
    const browser = await site.signedIn()

    expect((await browser.navigate(`${site.url}/partner`)).url.pathname).toBe('/login')
    const answer = await browser.get(`${site.url}/partner`)
    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ loginUrl: `${site.url}/login` })
  })

  test('signed in, not connected: the navigation connects and comes back; a script is told where', async () => {
    const browser = await site.signedIn('work')

    const answer = await browser.get(`${site.url}/partner`)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain(`login_uri="${site.url}/login/partner"`)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REQUIRED', loginUrl: `${site.url}/login/partner` })
    const page = await browser.navigate(`${site.url}/partner`)

    expect(page.text).toBe('the page')
    expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'work' })
  })

  test('an error that a handler passes on leads to that provider too, not round and round', async () => {
    const browser = await site.signedIn('work')

    const page = await browser.navigate(`${site.url}/use/partner`)

    expect(page.json()).toEqual({ used: true })
  })

  test('further requirements are about the account there', async () => {
    const browser = await site.signedIn('work', 'partner')

    expect((await browser.get(`${site.url}/partner`)).status).toBe(200)
    expect((await browser.get(`${site.url}/bob`)).status).toBe(403)
  })

  test('the account that the user signed in with counts as well', async () => {
    const browser = await site.signedIn('partner')

    expect((await browser.get(`${site.url}/partner`)).status).toBe(200)
  })

  test("the proxy sends that provider's token", async () => {
    const browser = await site.signedIn('work', 'partner')

    for (const path of ['/up/x', '/unguarded/x']) {
      expect((await browser.get(site.url + path)).status).toBe(200)
      const sent = upstream.requests.at(-1)?.headers.authorization?.replace('Bearer ', '')
      expect(site.server('partner').secrets).toContain(sent)
      expect(site.server('work').secrets).not.toContain(sent)
    }
  })

  test('without that account nothing is forwarded', async () => {
    const browser = await site.signedIn('work')

    expect((await browser.get(`${site.url}/unguarded/x`)).status).toBe(401)
    expect((await browser.get(`${site.url}/up/x`)).status).toBe(401)
  })

  test('a handler connects, too', async () => {
    const browser = await site.signedIn('work')

    expect((await browser.navigate(`${site.url}/connect`)).text).toBe('the page')
  })

  test('a key that is not configured is a mistake of the application, at once where that can be', async () => {
    const browser = await site.signedIn('work')

    expect((await browser.get(`${site.url}/nowhere`)).status).toBe(500)
    const mistake = expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' })
    expect(() => site.auth.requireAuth({ provider: 'nowhere' })).toThrow(mistake)
    expect(() => site.auth.proxy('https://api.example', { provider: 'nowhere' })).toThrow(mistake)
    expect(() => site.auth.grants.forSubject('alice', { provider: 'nowhere' })).toThrow(mistake)
  })

  test('the account that the user signed in with is not disconnected, but signed out of', async () => {
    const browser = await site.signedIn('work')

    expect((await browser.post(`${site.url}/leave`, {})).status).toBe(400)
    expect(await site.whoami(browser)).toMatchObject({ signedInWith: 'work' })
  })
})

describe('a provider says that its end-user has signed out there', () => {
  let site: SeveralSite
  beforeEach(async () => {
    site = await startSeveralSite()
  })
  afterEach(async () => {
    await site.close()
  })

  test('a connected account: that connection ends, and not the session', async () => {
    const browser = await site.signedIn('work', 'partner')

    const answer = await signsOutThere(site, 'partner', 'alice of partner')

    expect(answer.status).toBe(200)
    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
    expect(await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()).toEqual([])
  })

  test('the account that the user signed in with: the session ends, and all that is connected in it', async () => {
    const browser = await site.signedIn('work', 'partner')

    expect((await signsOutThere(site, 'work', 'alice of work')).status).toBe(200)

    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    await until(() => site.server('partner').requests('/revoke').length === 1, 'the revocation')
  })

  test("at another provider's path its word counts for nothing", async () => {
    const browser = await site.signedIn('work', 'partner')

    expect((await signsOutThere(site, 'work', 'alice of work', 'partner')).status).toBe(400)
    expect((await signsOutThere(site, 'partner', 'alice of work')).status).toBe(200)

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work', partner: 'alice of partner' })
    expect(site.events).toContainEqual({ type: 'logout-token-refused', provider: 'partner', flaw: 'iss' })
  })
})

describe('people of whom nobody says who they are', () => {
  const startSite = severalSites()

  /** No ID Token, no API: tokens alone. */
  function nameless(provider: Provider): Provider {
    const { clientSecret } = provider
    return Object.defineProperty({ ...provider, scope: 'profile' }, 'clientSecret', { value: clientSecret })
  }
  const start = async (): Promise<SeveralSite> => {
    const site = await startSite({
      options: (provider) => ({ providers: { work: provider('work'), partner: nameless(provider('partner')) } }),
    })
    site.server('partner').script = { tokens: { id_token: undefined } }
    return site
  }

  test('each sign-in is somebody else', async () => {
    const site = await start()
    const [one, two] = [await site.signedIn('partner'), await site.signedIn('partner')]
    const [first, second] = [await site.whoami(one), await site.whoami(two)]

    expect(first.sub).toMatch(/^anonymous-[\w-]{22}$/)
    expect(second.sub).toMatch(/^anonymous-/)
    expect(first.sub).not.toBe(second.sub)
    expect(await site.auth.grants.forSubject(first.sub ?? '', { provider: 'partner' }).list()).toHaveLength(1)
    site.expireAccessTokens()
    expect((await site.use(one, 'partner')).status).toBe(200)
  })

  test('signing in again revokes nothing: it may be the same person, and the same grant to the server', async () => {
    const site = await start()
    const browser = await site.signedIn('partner', 'partner')

    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'replaced' }))
    expect(site.server('partner').requests('/revoke')).toEqual([])
    expect((await site.use(browser, 'partner')).status).toBe(200)
  })

  test('but what was connected stays with nobody', async () => {
    const site = await start()
    const browser = await site.signedIn('partner', 'work')
    expect((await site.whoami(browser)).accounts).toHaveProperty('work')

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    expect((await site.whoami(browser)).accounts).not.toHaveProperty('work')
    await until(() => site.server('work').requests('/revoke').length === 1, 'the revocation')
  })

  test('they can be connected', async () => {
    const site = await start()
    const browser = await site.signedIn('work', 'partner')

    expect((await site.whoami(browser)).accounts['partner']).toMatch(/^anonymous-/)
    expect((await site.use(browser, 'partner')).status).toBe(200)
  })
})

describe('several providers beside another instance', () => {
  const startSite = severalSites()

  test('each has its own, and what they keep in one store is told apart', async () => {
    const grants = memoryGrants()
    let partner: Provider | undefined
    let staff: Latchkey | undefined
    const site = await startSite({
      options(provider) {
        partner = provider('partner')
        return { grants, providers: { work: provider('work'), partner } }
      },
      routes(app, _auth, url) {
        const providers = { partner: partner as Provider }
        staff = latchkey({ baseUrl: `${url}/staff`, secret: SECRET, name: 'staff', grants, providers })
        app.use('/staff', staff)
        app.get('/staff/me', staff.requireAuth(), (req, res) => void res.json({ with: req.auth.signedInWith }))
      },
    })
    const browser = await site.signedIn('work', 'partner')
    expect((await browser.get(`${site.url}/staff/me`)).status).toBe(401)

    const page = await browser.navigate(`${site.url}/staff/me`)

    expect(page.json()).toEqual({ with: 'partner' })
    expect(await site.whoami(browser)).toMatchObject({
      signedInWith: 'work',
      accounts: { partner: 'alice of partner' },
    })
    for (const { grants: of } of [site.auth, staff as Latchkey])
      expect(await of.forSubject('alice of partner', { provider: 'partner' }).list()).toHaveLength(1)
    await staff?.close()
  })
})

/** As the server does. @param at whose path it is sent to. */
async function signsOutThere(site: SeveralSite, key: string, sub: string, at = key): Promise<Response> {
  const iat = Math.floor(site.clock.now() / 1_000)
  const claims = { iss: site.server(key).issuer, aud: CLIENT_ID, iat, jti: randomUUID(), sub, events: { [LOGOUT_EVENT]: {} } } // prettier-ignore
  const token = await site.server(key).sign(claims, { typ: 'logout+jwt' })
  return fetch(`${site.url}/backchannel-logout/${at}`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  })
}
