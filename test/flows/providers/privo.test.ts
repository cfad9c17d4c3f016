import { describe, expect, test } from '@jest/globals'
import { startPrivo, type PrivoOptions, type PrivoSimulator } from '../../../example-app/simulators/privo.ts'
import type { LatchkeyOptions } from '../../../lib/index.ts'
import { privo, type ProviderOptions } from '../../../lib/providers/index.ts'
import { afterPassingFault, codeOf, herd, hold, PASSING_FAULTS, providerSites, SOON, withCode, type ProviderSite } from '../../support/provider-site.ts' // prettier-ignore
import { until } from '../../support/until.ts'

const SECRET = 'secret01'
const BASIC = `Basic ${Buffer.from(`partner01:${SECRET}`).toString('base64')}`
const FORM = 'application/x-www-form-urlencoded'
const ME = '/userinfo'
const SCOPE = 'openid profile user_profile additional_info offline_access'
const LIFETIME = { seconds: 599 }

const open = providerSites()

const TEXT: unknown = expect.any(String)
const CHALLENGE: unknown = expect.stringMatching(/^[\w-]{43}$/)
const JWT: unknown = expect.stringMatching(/^eyJ/)

interface Given {
  simulator?: PrivoOptions
  provider?: Omit<Partial<ProviderOptions>, 'clientId' | 'host' | 'clientSecret'> & { clientSecret?: string }
  /** As registered, byte for byte. */
  callback?: string
  options?: () => Partial<LatchkeyOptions>
}

function start({ simulator = {}, provider = {}, callback = '/callback?', options }: Given = {}): Promise<
  ProviderSite<PrivoSimulator>
> {
  return open({
    simulator: (now) => startPrivo({ now, ...simulator, switches: { consent: 'auto', ...simulator.switches } }),
    provider: (simulated, url) =>
      privo({ host: simulated.url, clientId: 'partner01', clientSecret: SECRET, redirectUri: `${url}${callback}`, ...provider }), // prettier-ignore
    callbacks: [callback],
    options,
  })
}

interface Wire {
  readonly tokenPath: string
  readonly contentType: string | undefined
  readonly authorization: string | undefined
  /** The client's credentials among the parameters. */
  readonly client: object
  readonly place: 'query' | 'body'
  readonly authorizeMethod: 'GET' | 'POST'
}

const USUAL: Wire = { tokenPath: '/auth/token', contentType: FORM, authorization: BASIC, client: {}, place: 'body', authorizeMethod: 'GET' } // prettier-ignore

const FORMS: readonly [name: string, given: Given, wire: Partial<Wire>][] = [
  [
    'as its code page has it: POST with a query, a form labelled JSON, Basic',
    {
      simulator: { switches: { tokenPaths: ['/auth/token'], authorizeMethods: ['post-query'], jsonLabel: 'form-shaped', clientAuth: ['basic-raw'] } }, // prettier-ignore
      provider: { authorizationRequest: 'post-query', tokenRequestContentType: 'application/json' },
    },
    { contentType: 'application/json', authorizeMethod: 'POST' },
  ],
  [
    'as its server family has it: GET, a form, Basic',
    { simulator: { switches: { authorizeMethods: ['get'], jsonLabel: 'unread', clientAuth: ['basic-raw'] } } },
    {},
  ],
  [
    'as its other pages have it: all in the query of /token',
    {
      simulator: { switches: { tokenPaths: ['/token'], clientAuth: ['parameters'] } },
      provider: { tokenEndpoint: '/token', tokenRequest: 'query', clientAuthentication: 'client_secret_post' },
    },
    { tokenPath: '/token', contentType: undefined, authorization: undefined, client: { client_id: 'partner01', client_secret: SECRET }, place: 'query' }, // prettier-ignore
  ],
  [
    'as a known integration has it: discovery, encoded Basic, and an ID Token',
    {
      simulator: { switches: { tokenPaths: ['/token'], clientAuth: ['basic-encoded'], idTokenOnRefresh: true } },
      provider: { discovery: true, clientAuthentication: 'client_secret_basic' },
    },
    { tokenPath: '/token' },
  ],
  [
    'with JSON that is JSON, a form to authorize, /oauth/token and an issuer without a slash',
    {
      simulator: { switches: { tokenPaths: ['/oauth/token'], authorizeMethods: ['post-form'], jsonLabel: 'json', issuerSlash: false } }, // prettier-ignore
      provider: { tokenEndpoint: '/oauth/token', tokenRequest: 'json', authorizationRequest: 'post', discovery: true },
    },
    { tokenPath: '/oauth/token', contentType: 'application/json', authorizeMethod: 'POST' },
  ],
]

describe.each(FORMS)('PRIVO, %s', (_name, given, differences) => {
  const { tokenPath, contentType, authorization, client, place, authorizeMethod }: Wire = { ...USUAL, ...differences }

  test('authorize request, code exchange, who it is, refresh; the redirect URI byte for byte', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, ME)).json()).toMatchObject({ sub: 'alice', verification_tier: 1 })

    const isDiscovered = given.provider?.discovery === true
    const redirectUri = `${site.url}/callback?`
    const [authorize] = site.sent('/oauth/authorize')
    const isForm = given.provider?.authorizationRequest === 'post'
    const asked = {
      response_type: 'code',
      client_id: 'partner01',
      redirect_uri: redirectUri,
      scope: SCOPE,
      state: TEXT,
      ...(isDiscovered && { nonce: TEXT }),
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    }
    expect(authorize?.method).toBe(authorizeMethod)
    expect([authorize?.query, authorize?.body]).toEqual(isForm ? [{}, asked] : [asked, {}])

    const request = { method: 'POST', path: tokenPath, contentType, authorization }
    const written = (parameters: object): object => ({ ...request, query: {}, body: {}, [place]: { ...parameters, ...client } }) // prettier-ignore
    const code = { grant_type: 'authorization_code', code: TEXT, redirect_uri: redirectUri, code_verifier: TEXT } // prettier-ignore
    const refresh = { grant_type: 'refresh_token', refresh_token: TEXT }
    expect(site.sent(tokenPath)).toEqual([written(code), written(refresh)])
    const raw = site.simulator.log.filter(({ path }) => path === '/oauth/authorize' || path === tokenPath).slice(0, 2)
    const isJson = given.provider?.tokenRequest === 'json'
    const encoded = encodeURIComponent(redirectUri)
    expect(`${raw[0]?.target} ${raw[0]?.body}`).toContain(`redirect_uri=${encoded}`)
    expect(`${raw[1]?.target} ${raw[1]?.body}`).toContain(isJson ? `"redirect_uri":"${redirectUri}"` : `redirect_uri=${encoded}`) // prettier-ignore
    expect(site.leaks(browser)).toEqual([])
  })
})

test.each(FORMS.slice(0, 2))(
  'PRIVO, %s: 200 calls on an expired token cost one refresh, and none fails',
  async (_name, given) => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)

    expect(await herd(site, browser, ME)).toEqual([200])
    expect(site.sent('/auth/token', 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
  },
)

describe('PRIVO', () => {
  test('calls in flight when a refresh ends their token are repeated with the new one', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const before = site.sent(ME).length
    const release = hold(site.simulator, 'api')
    const early = Promise.all(Array.from({ length: 20 }, () => site.call(browser, ME)))
    await until(() => site.sent(ME).length - before === 20, 'the calls at the API')
    site.clock.advance(LIFETIME)
    const late = site.call(browser, ME)
    await until(() => site.simulator.counters.refreshes === 1, 'the refresh')
    release()

    expect((await early).map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect((await late).status).toBe(200)
    expect(site.sent(ME).length - before).toBe(41)
    expect(site.sent('/auth/token', 'refresh_token')).toHaveLength(1)
  })

  test('a token that it has ended before its time is replaced, once for all, and repeated to nobody', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect(await herd(site, browser, ME, 20)).toEqual([200])
    expect(site.sent('/auth/token', 'refresh_token')).toHaveLength(1)
    expect(site.leaks(browser)).toEqual([])
  })

  test('a refusal that repeats the token does not bring it to the browser, where nothing can take its place', async () => {
    const site = await start({ provider: { scope: 'openid' } })
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect((await site.call(browser, ME)).status).toBe(401)
    expect(site.leaks(browser)).toEqual([])
  })

  test('599 seconds are refreshed early in their last minute, and not before', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.clock.advance({ seconds: 599 - 60 })
    expect((await site.call(browser, ME)).status).toBe(200)
    expect(site.simulator.counters.refreshRequests).toBe(0)

    site.clock.advance({ seconds: 40 })
    expect((await site.call(browser, ME)).status).toBe(200)
    await until(() => site.refreshResults().length === 1, 'the early refresh')
    expect((await site.call(browser, ME)).status).toBe(200)
    expect(site.simulator.counters.refreshRequests).toBe(1)
  })

  test.each([
    ['the same refresh token', true],
    ['another one each time', false],
  ])('refreshes three times with %s', async (_case, reuseRefreshToken) => {
    const site = await start({ simulator: { switches: { reuseRefreshToken } } })
    const browser = await site.signedIn()
    for (let n = 0; n < 3; n += 1) {
      site.clock.advance(LIFETIME)
      expect((await site.call(browser, ME)).status).toBe(200)
    }
    const presented = site.sent('/auth/token', 'refresh_token').map(({ body }) => body['refresh_token'])
    expect(presented).toHaveLength(3)
    expect(new Set(presented).size).toBe(reuseRefreshToken ? 1 : 3)
  })

  test('without offline_access there is no refresh token: an expired token means to sign in again', async () => {
    const site = await start({ provider: { scope: 'openid profile' } })
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)
    const answer = await site.call(browser, ME)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    const page = await browser.navigate(`${site.url}/page`)
    expect([page.status, page.url.pathname]).toEqual([200, '/page'])
  })

  test('401 invalid_token with a challenge that repeats the token: the grant is over, and nobody is shown the token', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeRefreshTokens()
    site.clock.advance(LIFETIME)

    const answer = await site.call(browser, ME)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    expect(site.refreshResults()).toEqual(['dead'])
    const refused = site.simulator.log.find(
      ({ path, answer: given }) => path === '/auth/token' && given?.status === 401,
    )
    expect(refused?.answer?.body).toContain(site.simulator.issued.refreshTokens[0]?.value)
    expect(site.leaks(browser)).toEqual([])

    const page = await browser.navigate(`${site.url}/page`)
    expect([page.status, page.url.pathname]).toEqual([200, '/page'])
    expect(site.sent('/oauth/authorize')).toHaveLength(2)
  })

  test.each([
    ['401 unauthorized', {}, 'unauthorized'],
    ['401 invalid_client', { clientAuthentication: 'client_secret_post' }, 'invalid_client'],
  ] as const)(
    'another secret there (%s): 502, never the sign-in page, and the session goes on',
    async (_case, provider, word) => {
      const site = await start({ provider })
      const browser = await site.signedIn()
      site.simulator.client.clientSecret = 'changed'
      site.clock.advance(LIFETIME)

      const [call, page] = [await site.call(browser, ME), await browser.navigate(`${site.url}/page`)]
      expect([call.status, codeOf(call), page.hops.length]).toEqual([502, 'ERR_AUTH_MISCONFIGURED', 1])
      expect(site.loggable()).toContain(`refuses this client (${word})`)
      expect(site.leaks(browser, [BASIC.slice(6)])).toEqual([])

      site.simulator.client.clientSecret = SECRET
      site.clock.advance({ seconds: 120 })
      expect((await site.call(browser, ME)).status).toBe(200)
      expect(site.sent('/oauth/authorize')).toHaveLength(1)
    },
  )

  test.each(PASSING_FAULTS)('%s at a refresh costs nothing: its refresh token can be used again', async (fault) => {
    const site = await start()
    expect(await afterPassingFault(site, ME, fault, SOON)).toBe('goes on')
  })

  test('without openid it does not say who that is (403), and the operator is told what to check', async () => {
    const site = await start({ provider: { scope: 'profile' } })
    const browser = site.browser()
    const page = await site.signIn(browser)
    expect([page.status, codeOf(page)]).toEqual([502, 'ERR_AUTH_MISCONFIGURED'])
    expect(site.loggable()).toContain('PRIVO answers 403 when asked who has signed in; check "identity" and the scope')
    expect(site.sent('/auth/token', 'refresh_token')).toHaveLength(0)
  })

  test('a service id goes along with UserInfo requests', async () => {
    const site = await start({
      simulator: { switches: { serviceIdRequired: true } },
      provider: { userInfoParameters: { service_id: 's-1' } },
    })
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/userinfo`)).json()).toMatchObject({ sub: 'alice', site_token: 'site-alice' })
    expect(site.sent(ME).map(({ query }) => query)).toEqual([{ service_id: 's-1' }, { service_id: 's-1' }])
  })

  test.each([
    ['named by its client id', {}, false],
    ['with an ID Token as a hint', { discovery: true, sendIdTokenHint: true }, true],
  ] as const)('sign-out goes by its logout page, %s, and comes back', async (_case, provider, hasHint) => {
    const site = await start({ provider })
    const browser = await site.signedIn()
    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })

    expect([page.status, page.url.href.split('?')[0]]).toEqual([200, `${site.url}/`])
    expect(site.sent('/logout')).toEqual([
      expect.objectContaining({
        method: 'GET',
        query: {
          client_id: 'partner01',
          post_logout_redirect_uri: `${site.url}/`,
          ...(hasHint && { id_token_hint: JWT }),
        },
      }),
    ])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('denied: a page that says so, without its words', async () => {
    const site = await start({ simulator: { switches: { consent: 'deny' } } })
    const page = await site.signIn(site.browser())
    expect([page.status, codeOf(page)]).toEqual([403, 'ERR_AUTH_DENIED'])
    expect(page.text).not.toContain('User denied access')
  })
})

describe('PRIVO, a secret with special characters', () => {
  const SPECIAL = 'päß: w/ö%20+-_.~&=?#"'

  test.each([
    ['raw Basic', 'basic-raw', 'client_secret_basic_raw', SPECIAL],
    ['parameters', 'parameters', 'client_secret_post', SPECIAL],
    ['encoded Basic, as far as the server encodes alike', 'basic-encoded', 'client_secret_basic', 'w/ö%20-_.#"'],
  ] as const)('arrives as %s', async (_case, accepted, clientAuthentication, clientSecret) => {
    const site = await start({
      simulator: { switches: { clientAuth: [accepted] }, client: { clientSecret } },
      provider: { clientAuthentication, clientSecret },
    })
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, ME)).status).toBe(200)
    expect(site.leaks(browser)).toEqual([])
  })

  test('encoded Basic where the server encodes otherwise is refused in words that say what to check', async () => {
    const clientSecret = 'a+b'
    const site = await start({
      simulator: { switches: { clientAuth: ['basic-encoded'] }, client: { clientSecret } },
      provider: { clientAuthentication: 'client_secret_basic', clientSecret },
    })
    const page = await site.signIn(site.browser())
    expect([page.status, codeOf(page)]).toEqual([502, 'ERR_AUTH_MISCONFIGURED'])
    expect(site.loggable()).toMatch(/PRIVO refuses this client \(unauthorized\); check clientId, clientSecret and clientAuthentication/) // prettier-ignore
  })
})

describe('PRIVO, set up wrongly', () => {
  const broken: readonly [string, Given, RegExp][] = [
    ['with a wrong secret', { provider: { clientSecret: 'a/wrong+secret' } }, /PRIVO refuses this client \(unauthorized\); check clientId, clientSecret and clientAuthentication/],
    ['with a wrong secret among the parameters', { provider: { clientSecret: 'a/wrong+secret', clientAuthentication: 'client_secret_post' } }, /PRIVO refuses this client \(invalid_client\); check clientId/],
    ['with a label that is not read', { provider: { tokenRequestContentType: 'application/json' } }, /PRIVO refuses this client \(invalid_request\); check tokenRequest/],
    ['with parameters where it wants Basic', { simulator: { switches: { clientAuth: ['basic-raw'] } }, provider: { clientAuthentication: 'client_secret_post' } }, /\(unauthorized\); check clientId, clientSecret and clientAuthentication/],
    ['with a scope that it does not know', { provider: { scope: 'openid everything' } }, /PRIVO refuses the authorization request \(invalid_scope\); check scope/],
  ] // prettier-ignore

  test.each(broken)('%s', async (_case, given, message) => {
    const site = await start(given)
    const browser = site.browser()
    const end = await (await withCode(site, browser))()

    expect([end.status, codeOf(end)]).toEqual([502, 'ERR_AUTH_MISCONFIGURED'])
    expect(site.loggable()).toMatch(message)
    const encoded = Buffer.from('partner01:a/wrong+secret').toString('base64')
    expect(site.leaks(browser, ['a/wrong+secret', encoded])).toEqual([])
  })

  test('with a token path that is switched off: an error page, and no circle', async () => {
    const site = await start({ simulator: { switches: { tokenPaths: ['/token'] } } })
    const page = await site.signIn(site.browser())
    expect([page.status >= 500, page.url.origin]).toEqual([true, site.url])
    expect(site.sent('/auth/token')).toHaveLength(1)
  })

  test('with an issuer whose slash is missing: nobody is signed in', async () => {
    const site = await open({
      simulator: (now) => startPrivo({ now, switches: { consent: 'auto' } }),
      provider: ({ url }) =>
        privo({ host: url, clientId: 'partner01', clientSecret: SECRET, issuer: url, jwksUri: '/jwk' }),
    })
    const browser = site.browser()
    const page = await site.signIn(browser)
    expect([page.status, codeOf(page)]).toEqual([502, 'ERR_AUTH_UNTRUSTED'])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('with a redirect URI whose `?` is not registered, it says so itself, and nothing comes back', async () => {
    const site = await start({ simulator: { switches: { redirectTrailingQuestionMark: false } } })
    const page = await site.signIn(site.browser())
    expect(page.url.origin).toBe(site.simulator.url)
    expect(page.text).toContain('Invalid redirect')
    expect(site.sent('/auth/token')).toHaveLength(0)
  })

  test('without host or secret: said at construction', () => {
    // @ts-expect-error -- both are required
    expect(() => privo({ clientId: 'partner01' })).toThrow(/"host" is missing.*"clientSecret" is missing/)
    const colon = { host: 'privo.example', clientId: 'part:ner', clientSecret: SECRET }
    expect(() => privo(colon)).toThrow(/"clientId" must not contain ":"/)
  })
})
