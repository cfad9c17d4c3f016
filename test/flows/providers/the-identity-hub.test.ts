import { describe, expect, test } from '@jest/globals'
import { startTheIdentityHub, type TheIdentityHubOptions, type TheIdentityHubSimulator } from '../../../example-app/simulators/the-identity-hub.ts' // prettier-ignore
import { perTenant } from '../../../lib/index.ts'
import { theIdentityHub, type ProviderOptions } from '../../../lib/providers/index.ts'
import { afterPassingFault, codeOf, herd, PASSING_FAULTS, providerSites, withCode, type ProviderSite } from '../../support/provider-site.ts' // prettier-ignore
import { until } from '../../support/until.ts'

const CLIENT_ID = 'tih-client-01'
const SECRET = 'tih-secret-01'
const API = '/contoso/api/identity/v1'
const LIFETIME = { seconds: 3_600 }

const open = providerSites()

const TEXT: unknown = expect.any(String)
const FORM: unknown = expect.stringMatching(/^application\/x-www-form-urlencoded\b/)
const CHALLENGE: unknown = expect.stringMatching(/^[\w-]{43}$/)

interface Given {
  simulator?: TheIdentityHubOptions
  provider?: Omit<Partial<ProviderOptions>, 'clientId' | 'host' | 'tenant'>
  tenant?: string
  callbacks?: readonly string[]
}

function start({ simulator = {}, provider = {}, tenant = 'contoso', callbacks }: Given = {}): Promise<
  ProviderSite<TheIdentityHubSimulator>
> {
  return open({
    simulator: (now) =>
      startTheIdentityHub({ now, ...simulator, switches: { consent: 'auto', ...simulator.switches } }),
    provider: ({ url }) =>
      theIdentityHub({ host: url, tenant, clientId: CLIENT_ID, clientSecret: SECRET, scope: 'openid profile.read', ...provider }), // prettier-ignore
    callbacks,
    routes: (app, auth) => {
      app.get('/writing', auth.requireAuth({ scope: 'profile.write' }), (_req, res) => void res.json({ may: 'write' }))
    },
  })
}

const SLASHES = {
  authorizationEndpoint: '/{tenant}/oauth2/v1/auth/',
  tokenEndpoint: '/{tenant}/oauth2/v1/token/',
}
const WITH_ID_TOKEN = { sub: 'alice' }
const WITHOUT = { sub: 'alice', identityId: 'alice', displayName: 'Alice Liddell' }

const FORMS: readonly [name: string, given: Given, slash: '' | '/', user: object][] = [
  ['as its pages write it: slashes, a secret, no openid', { provider: { ...SLASHES, scope: 'profile.read' } }, '/', WITHOUT],
  ['as its libraries have it: no slashes, and an ID Token', { simulator: { switches: { slash: 'without' } } }, '', WITH_ID_TOKEN],
  ['with the slashes that it insists on', { simulator: { switches: { slash: 'with' } }, provider: { ...SLASHES, jwksUri: '/{tenant}/oauth2/v1/certs/' } }, '/', WITH_ID_TOKEN],
  ['discovered, with slashes', { simulator: { switches: { slash: 'with' } }, provider: { discovery: true } }, '/', WITH_ID_TOKEN],
  ['as a public client that gives no scope', { simulator: { switches: { clientType: 'public' } }, provider: { clientSecret: undefined, scope: '' } }, '', WITHOUT],
  ['with a certificate of the application, under the issuer of the tenant', { simulator: { switches: { appLevelDiscovery: true } }, provider: { appId: CLIENT_ID } }, '', WITH_ID_TOKEN],
  ['with a certificate and an issuer of the application', { simulator: { switches: { appLevelDiscovery: true, appLevelIssuer: 'app' } }, provider: { appId: CLIENT_ID } }, '', WITH_ID_TOKEN],
  ['with lifetimes as text and without scope in its answers', { simulator: { switches: { expiresInAsString: true, omitScope: true } } }, '', WITH_ID_TOKEN],
] // prettier-ignore

describe.each(FORMS)('The Identity Hub, %s', (_name, given, slash, user) => {
  test('authorize request, code exchange, who it is, refresh', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject(user)
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, API)).json()).toMatchObject({ identityId: 'alice' })

    const scope = given.provider?.scope ?? 'openid profile.read'
    const [authorize] = site.sent(`/contoso/oauth2/v1/auth${slash}`)
    expect(authorize).toMatchObject({ method: 'GET', body: {} })
    expect(authorize?.query).toEqual({
      response_type: 'code',
      client_id: CLIENT_ID,
      redirect_uri: `${site.url}/callback`,
      ...(scope !== '' && { scope }),
      state: TEXT,
      ...(scope.includes('openid') && { nonce: TEXT }),
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
    const path = `/contoso/oauth2/v1/token${slash}`
    const form = { method: 'POST', path, query: {}, contentType: 'application/x-www-form-urlencoded', authorization: undefined } // prettier-ignore
    const isPublic = given.simulator?.switches?.clientType === 'public'
    const client = { client_id: CLIENT_ID, ...(!isPublic && { client_secret: SECRET }) }
    const code = { grant_type: 'authorization_code', code: TEXT, redirect_uri: `${site.url}/callback`, code_verifier: TEXT } // prettier-ignore
    const refresh = { grant_type: 'refresh_token', refresh_token: TEXT }
    expect(site.sent(path)).toEqual([
      { ...form, body: { ...code, ...client } },
      { ...form, body: { ...refresh, ...client } },
    ])
    expect(site.refreshResults()).toEqual(['ok'])
  })
})

const TOKEN = '/contoso/oauth2/v1/token'

test.each(FORMS.slice(0, 2))(
  'The Identity Hub, %s: 200 calls on an expired token cost one refresh, and none fails',
  async (_name, given, slash) => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)

    expect(await herd(site, browser, API)).toEqual([200])
    expect(site.sent(TOKEN + slash, 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
  },
)

describe('The Identity Hub', () => {
  test('a token that it has ended before its time is replaced, once for all', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect(await herd(site, browser, API, 20)).toEqual([200])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
  })

  test('its UserInfo is about the same end-user', async () => {
    const site = await start()
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/userinfo`)).json()).toMatchObject({ sub: 'alice', given_name: 'Alice' })
  })

  test('what it took from the scope is seen by a guard, and nowhere taken for granted', async () => {
    const scope = 'openid profile.read profile.write'
    const reduced = await start({ simulator: { switches: { reduceScope: ['profile.write'] } }, provider: { scope } })
    const browser = await reduced.signedIn()
    const refused = await browser.get(`${reduced.url}/writing`)
    expect([refused.status, codeOf(refused)]).toEqual([403, 'ERR_AUTH_FORBIDDEN'])
    expect((await browser.get(`${reduced.url}/grant`)).json()).toMatchObject({ scope: 'profile.read' })

    const whole = await start({ provider: { scope } })
    expect((await (await whole.signedIn()).get(`${whole.url}/writing`)).status).toBe(200)
  })

  test.each([
    ['a user who was blocked', (hub: TheIdentityHubSimulator) => void (hub.switches.blockUser = true)],
    ['a refresh token that is dead', (hub: TheIdentityHubSimulator) => hub.revokeRefreshTokens()],
  ])('%s (400 invalid_grant): the grant is over, and the next page begins a sign-in', async (_case, end) => {
    const site = await start()
    const browser = await site.signedIn()
    end(site.simulator)
    site.clock.advance(LIFETIME)

    const answer = await site.call(browser, API)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    expect(site.refreshResults()).toEqual(['dead'])
    const page = await browser.navigate(`${site.url}/page`)
    expect([page.status, page.url.pathname]).toEqual([200, '/page'])
    expect(site.sent('/contoso/oauth2/v1/auth')).toHaveLength(2)
  })

  test.each([400, 401] as const)(
    'another secret there (%p invalid_client): 502, never the sign-in page, and the session goes on',
    async (invalidClientStatus) => {
      const site = await start({ simulator: { switches: { invalidClientStatus } } })
      const browser = await site.signedIn()
      site.simulator.client.clientSecret = 'changed'
      site.clock.advance(LIFETIME)

      const [call, page] = [await site.call(browser, API), await browser.navigate(`${site.url}/page`)]
      expect([call.status, codeOf(call), page.hops.length]).toEqual([502, 'ERR_AUTH_MISCONFIGURED', 1])
      expect(site.loggable()).toContain('refuses this client (invalid_client)')
      expect(site.leaks(browser)).toEqual([])

      site.simulator.client.clientSecret = SECRET
      site.clock.advance({ seconds: 120 })
      expect((await site.call(browser, API)).status).toBe(200)
      expect(site.sent('/contoso/oauth2/v1/auth')).toHaveLength(1)
    },
  )

  describe.each(['dies', 'lives'] as const)('where a used refresh token %s', (rotateOld) => {
    test.each(PASSING_FAULTS)('%s at a refresh is a passing fault', async (fault) => {
      const site = await start({ simulator: { switches: { rotateOld } } })
      const isLost = fault === 'a 500 page' || fault === 'a dropped connection'
      expect(await afterPassingFault(site, API, fault)).toBe(
        isLost && rotateOld === 'dies' ? 'sign in again' : 'goes on',
      )
    })
  })

  test.each([
    ['', {}],
    ['/', { revocationEndpoint: '/{tenant}/oauth2/v1/revoke/' }],
  ])('sign-out revokes the access token, and nothing else, in its own way, at …/revoke%s', async (slash, provider) => {
    const site = await start({ provider })
    const browser = await site.signedIn()
    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })
    expect(page.url.href).toBe(`${site.url}/`)

    const { accessTokens, refreshTokens } = site.simulator.issued
    await until(() => accessTokens.every(({ revoked }) => revoked), 'the revocation')
    const path = `/contoso/oauth2/v1/revoke${slash}`
    const body = { token: accessTokens[0]?.value, token_type_hint: 'access_token', client_id: CLIENT_ID, client_secret: SECRET } // prettier-ignore
    expect(site.sent(path)).toEqual([
      { method: 'POST', path, query: {}, contentType: FORM, authorization: undefined, body },
    ])
    expect(site.simulator.log.at(-1)?.answer?.status).toBe(200)
    expect(refreshTokens.map(({ revoked }) => revoked)).toEqual([false])
    expect(site.leaks(browser)).toEqual([])
  })

  test('sign-out after the access token has expired is nothing to warn of, though the hub calls it an error', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)
    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })

    await until(() => site.events.some(({ type }) => type === 'sign-out'), 'the sign-out')
    expect(site.simulator.log.at(-1)?.answer).toMatchObject({ status: 400, body: '{"error":"invalid_token"}' })
    expect(site.events.map(({ type }) => type)).toEqual(['sign-in', 'grant-ended', 'sign-out'])
  })

  test('two tenants of one hub are told apart: keys, tokens, sessions', async () => {
    const tenants = ['contoso', 'fabrikam']
    const site = await open({
      simulator: (now) => startTheIdentityHub({ now, switches: { consent: 'auto', tenants } }),
      provider: ({ url }) =>
        theIdentityHub({ host: url, tenant: 'contoso', clientId: CLIENT_ID, clientSecret: SECRET }),
      callbacks: tenants.map((tenant) => `/callback/${tenant}`),
      options: ({ url }) => ({
        provider: perTenant({
          tenantOf: (req) => req.path.split('/')[2],
          provider: (tenant) =>
            tenants.includes(tenant)
              ? theIdentityHub({ host: url, tenant, clientId: CLIENT_ID, clientSecret: SECRET, scope: 'openid' })
              : undefined,
        }),
      }),
      routes: (app, auth, { url }) => {
        app.get('/of/:tenant', auth.requireAuth(), async (req, res) => {
          const { status } = await req.auth.fetch(`${url}/${String(req.params['tenant'])}/api/identity/v1`)
          res.json({ with: req.auth.signedInWith, status })
        })
      },
    })
    const browser = site.browser()
    const of = (tenant: string): string => `${site.url}/of/${tenant}`
    const page = await browser.navigate(of('contoso'))
    expect(page.json()).toEqual({ with: 'main/contoso', status: 200 })
    expect((await browser.get(of('fabrikam'))).status).toBe(401)

    expect((await browser.navigate(of('fabrikam'))).json()).toEqual({ with: 'main/fabrikam', status: 200 })
    site.clock.advance(LIFETIME)
    expect((await browser.get(of('fabrikam'))).json()).toEqual({ with: 'main/fabrikam', status: 200 })
    expect(site.sent('/fabrikam/oauth2/v1/token', 'refresh_token')).toHaveLength(1)
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(0)
    expect((await browser.navigate(of('nobody'))).status).toBe(400)
  })
})

describe('The Identity Hub, set up wrongly', () => {
  const broken: readonly [string, Given, number, string, RegExp][] = [
    ['with a wrong secret', { provider: { clientSecret: 'a/wrong+secret' } }, 502, 'ERR_AUTH_MISCONFIGURED', /The Identity Hub refuses this client \(invalid_client\); check clientId, clientSecret/],
    ['without a secret that is needed', { provider: { clientSecret: undefined } }, 502, 'ERR_AUTH_MISCONFIGURED', /refuses this client \(invalid_client\)/],
    ['with openid where it brings no ID Token', { simulator: { switches: { openid: false } } }, 502, 'ERR_AUTH_UNTRUSTED', /the answer of The Identity Hub failed validation/],
    ['with the keys of the tenant where the application has its own', { simulator: { switches: { appLevelDiscovery: true } } }, 502, 'ERR_AUTH_UNTRUSTED', /the ID Token is not signed by The Identity Hub/],
    ['with the issuer of the tenant where the application has its own', { simulator: { switches: { appLevelDiscovery: true, appLevelIssuer: 'app' } } }, 502, 'ERR_AUTH_UNTRUSTED', /failed validation/],
    ['with an issuer that ends in a slash', { provider: { issuer: 'https://www.theidentityhub.com/contoso/' } }, 502, 'ERR_AUTH_UNTRUSTED', /failed validation/],
  ] // prettier-ignore

  test.each(broken)('%s', async (_case, given, status, code, message) => {
    const site = await start(given)
    const browser = site.browser()
    const end = await (await withCode(site, browser))()

    expect([end.status, codeOf(end)]).toEqual([status, code])
    expect(site.loggable()).toMatch(message)
    expect(site.leaks(browser, ['a/wrong+secret', 'a%2Fwrong%2Bsecret'])).toEqual([])
  })

  test('with a tenant that is not there, the hub says so', async () => {
    const site = await start({ tenant: 'nobody' })
    const page = await site.signIn(site.browser())
    expect([page.status, page.url.origin]).toEqual([404, site.simulator.url])
  })

  test.each([
    ['discovery of a tenant that is not there', { tenant: 'nobody', provider: { discovery: true } }],
    ['discovery of an application that has no metadata of its own', { provider: { appId: CLIENT_ID } }],
    ['the token endpoint of a tenant that is not there', { provider: { tokenEndpoint: '/nobody/oauth2/v1/token' } }],
  ] satisfies [string, Given][])('with %s: an error page, and no circle', async (_case, given) => {
    const site = await start(given)
    const page = await site.signIn(site.browser())
    expect([page.status >= 500, page.url.origin]).toEqual([true, site.url])
    expect(codeOf(page)).toMatch(/^ERR_AUTH_(?:MISCONFIGURED|UNAVAILABLE)$/)
    expect(page.hops.length).toBeLessThanOrEqual(4)
  })

  test('with a redirect URI that is not registered, the hub says so, and nothing comes back', async () => {
    const site = await start({ callbacks: ['/elsewhere'] })
    const page = await site.signIn(site.browser())
    expect(page.url.origin).toBe(site.simulator.url)
    expect(page.text).toContain('The redirect URI is not one of those configured')
  })

  test.each([
    ['a host with a slash at its end', 'https://hub.example/', 'contoso', 'https://hub.example/contoso/oauth2/v1/auth'],
    ['a host below a path', 'https://hub.example/sso', 'contoso', 'https://hub.example/sso/contoso/oauth2/v1/auth'],
    ['a host without a scheme', 'hub.example', 'contoso', 'https://hub.example/contoso/oauth2/v1/auth'],
  ])('%s means the same', (_case, host, tenant, authorizationEndpoint) => {
    expect(theIdentityHub({ host, tenant, clientId: CLIENT_ID }).metadata).toMatchObject({ authorizationEndpoint })
  })

  test.each(['', 'a/b', '..', 'contoso?', 'con toso'])('the tenant %p: said at construction', (tenant) => {
    expect(() => theIdentityHub({ tenant, clientId: CLIENT_ID })).toThrow(/"tenant" must/)
  })
})
