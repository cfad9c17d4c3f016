import { describe, expect, test } from '@jest/globals'
import { severalSites } from '../support/several-site.ts'
import { until } from '../support/until.ts'

const startSite = severalSites()

describe('several providers in one application', () => {
  test('each is signed in at by a path of its own, and comes back to one of its own', async () => {
    const site = await startSite()
    const browser = await site.signedIn('partner')

    expect(await site.whoami(browser)).toEqual({
      signedInWith: 'partner',
      sub: 'alice of partner',
      accounts: { partner: 'alice of partner' },
    })
    const [request] = site.server('partner').requests('/authorize')
    expect(request?.parameters.get('redirect_uri')).toBe(`${site.url}/callback/partner`)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'sign-in', provider: 'partner' }))
  })

  test('a guarded page leads to a page to choose on, and from there back', async () => {
    const site = await startSite()
    const browser = await site.signedIn()

    const choice = await browser.navigate(`${site.url}/me?a=1`)

    expect(choice.status).toBe(200)
    expect(choice.url.pathname).toBe('/login')
    expect(choice.headers.get('cache-control')).toBe('no-store')
    for (const key of ['work', 'partner']) {
      expect(choice.text).toContain(`href="/login/${key}?returnTo=%2Fme%3Fa%3D1"`)
      expect(choice.text).toContain(new URL(site.server(key).issuer).host)
    }
    const page = await browser.follow(choice, '/login/work?returnTo=%2Fme%3Fa%3D1')
    expect(page.url.href).toBe(`${site.url}/me?a=1`)
    expect(page.json()).toMatchObject({ sub: 'alice of work' })
  })

  test('with one that signs users in there is nothing to choose', async () => {
    const site = await startSite({
      options: (provider) => ({
        providers: { work: provider('work'), partner: provider('partner') },
        signInWith: ['work'],
      }),
    })
    const browser = await site.signedIn()

    const page = await browser.navigate(`${site.url}/me`)

    expect(page.json()).toMatchObject({ sub: 'alice of work' })
  })

  test('one that only connects asks to sign in first, and then goes on with that', async () => {
    const site = await startSite({
      options: (provider) => ({
        providers: { work: provider('work'), partner: provider('partner') },
        signInWith: ['work'],
      }),
    })
    const browser = await site.signedIn()

    const asked = await browser.navigate(`${site.url}/login/partner?returnTo=/whoami`)
    expect(asked.status).toBe(401)
    const link = /href="(\/login[^"]*)"/.exec(asked.text)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const question = await browser.follow(asked, link) // the server of the sign-in has led back here, which is another site
    const page = await browser.submitForm(question)

    expect(page.url.pathname).toBe('/whoami')
    expect(page.json()).toMatchObject({ signedInWith: 'work', accounts: { partner: 'alice of partner' } })
  })

  test("a path of no provider is the application's", async () => {
    const site = await startSite({ routes: (app) => void app.get('/login/help', (_req, res) => void res.send('help')) })
    const browser = await site.signedIn()

    expect((await browser.navigate(`${site.url}/login/help`)).text).toBe('help')
    expect((await browser.navigate(`${site.url}/login/nowhere`)).status).toBe(404)
    expect((await browser.navigate(`${site.url}/login/constructor`)).status).toBe(404)
    expect((await browser.navigate(`${site.url}/callback`)).status).toBe(404)
  })

  test('all of them must be there for the application to be ready', async () => {
    const site = await startSite()
    await site.server('partner').close()

    expect(await site.auth.health()).toEqual({ status: 'degraded', provider: 'unreachable', grants: 'ok' })
    await expect(site.auth.ready()).rejects.toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
    await expect(site.signedIn('work')).resolves.toBeDefined()
  })
})

describe('connecting an account', () => {
  test('the user stays who they are, and each account has tokens of its own', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')

    expect(await site.whoami(browser)).toEqual({
      signedInWith: 'work',
      sub: 'alice of work',
      accounts: { work: 'alice of work', partner: 'alice of partner' },
    })
    site.expireAccessTokens()
    expect((await site.use(browser, 'work')).status).toBe(200)
    expect((await site.use(browser, 'partner')).status).toBe(200)
    for (const key of ['work', 'partner']) expect(site.server(key).tokenRequests('refresh_token')).toHaveLength(1)
    expect(site.events).toContainEqual(
      expect.objectContaining({ type: 'connect', provider: 'partner', subject: 'alice of partner' }),
    )
  })

  test('200 requests that find the token of a connected account expired cause one refresh', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    site.expireAccessTokens()

    const answers = await Promise.all(Array.from({ length: 200 }, () => site.use(browser, 'partner')))

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(site.server('partner').tokenRequests('refresh_token')).toHaveLength(1)
    expect(site.server('work').tokenRequests('refresh_token')).toHaveLength(0)
  })

  test('the session of the application goes along, data and all', async () => {
    const site = await startSite({
      routes(app) {
        app.get('/cart/:item', (req, res) => {
          Object.assign(req.session, { cart: req.params['item'] })
          res.end()
        })
        app.get('/cart', (req, res) => void res.json(Reflect.get(req.session, 'cart')))
      },
    })
    const browser = await site.signedIn('work')
    await browser.get(`${site.url}/cart/tea`)

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    expect((await browser.get(`${site.url}/cart`)).json()).toBe('tea')
  })

  test('once more replaces: what was there is over, but not revoked, for it may be the same grant to the server', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    const [before] = await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    const after = await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()
    expect(after).toHaveLength(1)
    expect(after[0]?.id).not.toBe(before?.id)
    expect(site.events).toContainEqual(
      expect.objectContaining({ type: 'grant-ended', why: 'replaced', grantId: before?.id }),
    )
    expect(site.server('partner').requests('/revoke')).toEqual([])
  })

  test('another account in its place: the one before is revoked', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    site.server('partner').script = { claims: { sub: 'bob of partner' } }

    await browser.navigate(`${site.url}/login/partner?returnTo=/`)

    expect((await site.whoami(browser)).accounts).toMatchObject({ partner: 'bob of partner' })
    await until(() => site.server('partner').requests('/revoke').length === 1, 'the revocation')
    expect(await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()).toEqual([])
  })

  test('the same user who signs in again keeps what is connected; another one does not', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner', 'work')
    expect((await site.whoami(browser)).accounts).toHaveProperty('partner')

    site.server('work').script = { claims: { sub: 'bob of work' } }
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    expect(await site.whoami(browser)).toEqual({
      signedInWith: 'work',
      sub: 'bob of work',
      accounts: { work: 'bob of work' },
    })
    await until(() => site.server('partner').requests('/revoke').length === 1, 'the revocation')
  })

  test('a sign-in that is over takes no connection with it: they wait for the same user', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    site.server('work').script = { ...site.server('work').script, tokenAnswer: () => (res) => void res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}') } // prettier-ignore
    site.expireAccessTokens()
    expect((await site.use(browser, 'work')).status).toBe(401)
    expect(await site.whoami(browser)).toEqual({ accounts: {} })

    site.server('work').script = { claims: { sub: 'alice of work' } }
    await browser.navigate(`${site.url}/login/work?returnTo=/`)

    expect((await site.whoami(browser)).accounts).toHaveProperty('partner')
    expect((await site.use(browser, 'partner')).status).toBe(200)
  })

  test('a connection that is over is gone, and the user stays signed in', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    site.server('partner').script = { tokenAnswer: () => (res) => void res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}') } // prettier-ignore
    site.expireAccessTokens()

    const answer = await site.use(browser, 'partner')

    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REVOKED', loginUrl: `${site.url}/login/partner` })
    expect(await site.whoami(browser)).toEqual({
      signedInWith: 'work',
      sub: 'alice of work',
      accounts: { work: 'alice of work' },
    })
    expect((await site.use(browser, 'work')).status).toBe(200)
  })

  test('disconnecting ends that one alone, here and at its server', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')

    expect((await browser.post(`${site.url}/disconnect/partner`, {})).status).toBe(200)

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
    expect(site.server('partner').requests('/revoke')).toHaveLength(1)
    expect(site.server('work').requests('/revoke')).toEqual([])
    expect((await site.use(browser, 'work')).status).toBe(200)
    expect((await site.use(browser, 'partner')).status).toBe(401)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'disconnect', provider: 'partner' }))
    expect((await browser.post(`${site.url}/disconnect/partner`, {})).status).toBe(200)
  })

  test('signing out ends all of them, here and at their servers', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')

    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    for (const key of ['work', 'partner']) {
      expect(site.server(key).requests('/revoke')).toHaveLength(1)
      expect(await site.auth.grants.forSubject(`alice of ${key}`, { provider: key }).list()).toEqual([])
    }
  })

  test('a session that is ended from outside takes its connections with it', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')

    expect(await site.auth.grants.forSubject('alice of work', { provider: 'work' }).endSessions()).toBe(1)

    expect(await site.whoami(browser)).toEqual({ accounts: {} })
    expect(site.server('partner').requests('/revoke')).toHaveLength(1)
    expect(await site.auth.grants.forSubject('alice of partner', { provider: 'partner' }).list()).toEqual([])
  })

  test('ending a connected account from outside leaves the session', async () => {
    const site = await startSite()
    const browser = await site.signedIn('work', 'partner')
    const partner = site.auth.grants.forSubject('alice of partner', { provider: 'partner' })
    expect(await partner.list()).toMatchObject([{ provider: 'partner', signedInAt: undefined }])

    expect(await partner.revoke()).toBe(1)

    expect((await site.whoami(browser)).accounts).toEqual({ work: 'alice of work' })
    expect(site.server('partner').requests('/revoke')).toHaveLength(1)
  })

  test('a job finds the tokens by the subject at the provider, which must be named', async () => {
    const site = await startSite()
    await site.signedIn('work', 'partner')
    const { grants } = site.auth

    const token = await grants.forSubject('alice of partner', { provider: 'partner' }).accessToken()

    expect(site.server('partner').secrets).toContain(token)
    expect(await grants.forSubject('alice of work', { provider: 'partner' }).list()).toEqual([])
    expect(() => grants.forSubject('alice of work')).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }))
  })
})
