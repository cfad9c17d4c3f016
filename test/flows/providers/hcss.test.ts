import { describe, expect, test } from '@jest/globals'
import { startHcss, type HcssOptions, type HcssSimulator } from '../../../example-app/simulators/hcss.ts'
import { hcss, type ProviderOptions } from '../../../lib/providers/index.ts'
import { afterPassingFault, codeOf, herd, PASSING_FAULTS, providerSites, withCode, type ProviderSite } from '../../support/provider-site.ts' // prettier-ignore
import { until } from '../../support/until.ts'

const SECRET = 'hcss-secret-02'
const TOKEN = '/identity/connect/token'
const UNITS = '/heavyjob/api/v1/businessUnits'
const LIFETIME = { seconds: 3_600 }

const open = providerSites()

const TEXT: unknown = expect.any(String)
const CHALLENGE: unknown = expect.stringMatching(/^[\w-]{43}$/)

interface Given {
  simulator?: HcssOptions
  provider?: Omit<Partial<ProviderOptions>, 'clientId' | 'host'>
  callbacks?: readonly string[]
}

function start({ simulator = {}, provider = {}, callbacks }: Given = {}): Promise<ProviderSite<HcssSimulator>> {
  const { scope = 'heavyjob:read offline_access', ...more } = provider
  return open({
    simulator: (now) => startHcss({ now, ...simulator, switches: { consent: 'auto', ...simulator.switches } }),
    provider: ({ url }) => hcss({ host: url, clientId: 'hcss-client-01', scope, ...more }),
    callbacks,
  })
}

const CONFIDENTIAL: Given = {
  simulator: { switches: { clientType: 'confidential' } },
  provider: { clientSecret: SECRET },
}

const FORMS: readonly [name: string, given: Given, scope: string, secret: object, user: unknown][] = [
  ['as its code page has it: a public client', {}, 'heavyjob:read offline_access', {}, expect.stringMatching(/^anonymous-/)],
  ['as its reference has it: with a secret', CONFIDENTIAL, 'heavyjob:read offline_access', { client_secret: SECRET }, expect.stringMatching(/^anonymous-/)],
  [
    'as its server family has it: discovery, and an ID Token',
    { ...CONFIDENTIAL, provider: { clientSecret: SECRET, discovery: true, scope: 'openid heavyjob:read offline_access' } },
    'openid heavyjob:read offline_access',
    { client_secret: SECRET },
    'alice',
  ],
  [
    'with an API that says who it is',
    { provider: { identity: { url: '/heavyjob/api/v1/me', subject: 'id' } } },
    'heavyjob:read offline_access',
    {},
    'alice',
  ],
] // prettier-ignore

describe.each(FORMS)('HCSS, %s', (_name, given, scope, secret, user) => {
  test('authorize request, code exchange, who it is, refresh', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: user })
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, UNITS)).json()).toEqual([expect.objectContaining({ id: 'bu-1' })])

    const [authorize] = site.sent('/identity/connect/authorize')
    expect(authorize).toMatchObject({ method: 'GET', body: {} })
    expect(authorize?.query).toEqual({
      client_id: 'hcss-client-01',
      scope,
      response_type: 'code',
      redirect_uri: `${site.url}/callback`,
      state: TEXT,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...(scope.includes('openid') && { nonce: TEXT }),
    })
    const form = { method: 'POST', path: TOKEN, query: {}, contentType: 'application/x-www-form-urlencoded', authorization: undefined } // prettier-ignore
    const client = { client_id: 'hcss-client-01', ...secret }
    const code = { grant_type: 'authorization_code', code: TEXT, redirect_uri: `${site.url}/callback`, code_verifier: TEXT } // prettier-ignore
    const refresh = { grant_type: 'refresh_token', refresh_token: TEXT }
    expect(site.sent(TOKEN)).toEqual([
      { ...form, body: { ...code, ...client } },
      { ...form, body: { ...refresh, ...client } },
    ])
  })
})

test.each(FORMS.slice(0, 2))(
  'HCSS, %s: 200 calls on an expired token cost one refresh, and none fails',
  async (_name, given) => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)

    expect(await herd(site, browser, UNITS)).toEqual([200])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
  },
)

describe('HCSS', () => {
  test('a token that it calls bad before its time is replaced, once for all', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect(await herd(site, browser, UNITS, 20)).toEqual([200])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
  })

  test('403 for a scope that is missing passes through', async () => {
    const site = await start()
    const browser = await site.signedIn()

    const answer = await site.call(browser, '/heavyjob/api/v1/timeCards', { method: 'POST' })
    expect([answer.status, answer.text]).toEqual([403, ''])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(0)
  })

  test('429 passes through with its headers, and costs no refresh', async () => {
    const site = await start({ simulator: { switches: { rateLimit: { perMinute: 1, atOnce: 20 } } } })
    const browser = await site.signedIn()
    await site.call(browser, UNITS)

    const answer = await site.call(browser, UNITS)
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toMatch(/^(?:60|5\d)$/)
    expect(answer.headers.get('remaining-calls')).toBe('0')
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(0)
  })

  test.each([
    ['400 invalid_grant', (hub: HcssSimulator) => hub.revokeRefreshTokens()],
    ['401, for the customer must authorise the application again', (hub: HcssSimulator) => void (hub.switches.customerMustAuthoriseAgain = true)], // prettier-ignore
    ['a refresh token of thirty days', (hub: HcssSimulator) => hub.expireRefreshTokens()],
  ])('%s at a refresh: the grant is over, and the next page begins a sign-in', async (_case, end) => {
    const site = await start()
    const browser = await site.signedIn()
    end(site.simulator)
    site.clock.advance(LIFETIME)

    const answer = await site.call(browser, UNITS)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    expect(site.refreshResults()).toEqual(['dead'])
    const page = await browser.navigate(`${site.url}/page`)
    expect([page.status, page.url.pathname]).toEqual([200, '/page'])
    expect(site.sent('/identity/connect/authorize')).toHaveLength(2)
  })

  test('without a refresh token an expired token means: sign in again. No error page, and no circle', async () => {
    const site = await start({ provider: { scope: 'heavyjob:read' } })
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/grant`)).json()).toMatchObject({ isRefreshable: false })
    site.clock.advance(LIFETIME)

    const call = await site.call(browser, UNITS)
    expect([call.status, codeOf(call)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    expect(call.json()).toMatchObject({ loginUrl: `${site.url}/login` })
    const page = await browser.navigate(`${site.url}/page`)
    expect(page.hops.map(({ url, status }) => [new URL(url).pathname, status])).toEqual([
      ['/page', 303],
      ['/login', 303],
      ['/identity/connect/authorize', 302],
      ['/callback', 303],
      ['/page', 200],
    ])
    expect((await site.call(browser, UNITS)).status).toBe(200)
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(0)
  })

  test('without a refresh token a refusal of the API is its answer, however often it refuses', async () => {
    const site = await start({ provider: { scope: 'heavyjob:read' } })
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    const answer = await site.call(browser, UNITS)
    expect(answer.status).toBe(401)
    expect(site.sent(UNITS)).toHaveLength(1)
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })

  test.each(PASSING_FAULTS)(
    '%s at a refresh is a passing fault; whether it was one is known when it is asked again',
    async (fault) => {
      const site = await start()
      // The refresh token is for one use, and what it brought is lost.
      const isLost = fault === 'a 500 page' || fault === 'a dropped connection'
      expect(await afterPassingFault(site, UNITS, fault)).toBe(isLost ? 'sign in again' : 'goes on')
    },
  )

  test('another secret at HCSS (400 invalid_client) is for the operator: 502, never the sign-in page, and the session goes on', async () => {
    const site = await start(CONFIDENTIAL)
    const browser = await site.signedIn()
    site.simulator.client.clientSecret = 'changed'
    site.clock.advance(LIFETIME)

    const [call, page] = [await site.call(browser, UNITS), await browser.navigate(`${site.url}/page`)]
    expect([call.status, codeOf(call), page.hops.length]).toEqual([502, 'ERR_AUTH_MISCONFIGURED', 1])
    expect(site.loggable()).toContain('refuses this client (invalid_client)')
    expect(site.leaks(browser)).toEqual([])

    site.simulator.client.clientSecret = SECRET
    site.clock.advance({ seconds: 120 })
    expect((await site.call(browser, UNITS)).status).toBe(200)
    expect(site.sent('/identity/connect/authorize')).toHaveLength(1)
  })

  test('a firewall that wants a browser’s name gets one in token requests', async () => {
    const userAgent = 'Mozilla/5.0 (compatible; example-app/1.0)'
    const firewall = { simulator: { switches: { wafUserAgent: /^Mozilla\/5\.0/ } } }
    const without = await start(firewall)
    const refused = await without.signIn(without.browser())
    expect(refused.status).toBeGreaterThanOrEqual(500)

    const site = await start({ ...firewall, provider: { requestHeaders: { 'User-Agent': userAgent } } })
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, UNITS)).status).toBe(200)
    const names = site.simulator.log.filter(({ path }) => path === TOKEN).map(({ headers }) => headers.filter(([name]) => name.toLowerCase() === 'user-agent').map(([, value]) => value)) // prettier-ignore
    expect(names).toEqual([[userAgent], [userAgent]])
  })

  test.each([
    ['right', 200, undefined],
    ['wrong', 400, 'ERR_AUTH_TRANSACTION'],
  ] as const)('an issuer in the answer (RFC 9207) that is %s ends with %p', async (emitIss, status, code) => {
    const site = await start({ simulator: { switches: { emitIss } }, provider: { discovery: true } })
    const page = await site.signIn(site.browser())
    expect([page.status, codeOf(page)]).toEqual([status, code])
    expect(site.sent(TOKEN)).toHaveLength(status === 200 ? 1 : 0)
  })

  test('an issuer that calls itself by another address than the public one is held to that', async () => {
    const issuer = 'https://identity.internal.example'
    const scope = 'openid heavyjob:read'
    const site = await start({ simulator: { switches: { issuer } }, provider: { discovery: true, scope } })
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })

    site.simulator.switches.issuer = 'https://another.example'
    const other = site.browser()
    const page = await (await withCode(site, other))()
    expect([page.status, codeOf(page)]).toEqual([502, 'ERR_AUTH_UNTRUSTED'])
  })

  test('denied: a page that says so, and nobody is signed in', async () => {
    const site = await start({ simulator: { switches: { consent: 'deny' } } })
    const browser = site.browser()
    const page = await site.signIn(browser)
    expect([page.status, codeOf(page)]).toEqual([403, 'ERR_AUTH_DENIED'])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })

  test('sign-out is here alone, as far as it is documented; with the paths of its server family it is there as well', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const calls = site.simulator.log.length
    expect((await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })).url.href).toBe(
      `${site.url}/`,
    )
    expect(site.simulator.log).toHaveLength(calls)

    const paths = {
      revocationEndpoint: '/identity/connect/revocation',
      endSessionEndpoint: '/identity/connect/endsession',
    }
    // Without the hint it signs out as well, and sends nobody back.
    const hintless = await start({ provider: paths })
    const end = await (await hintless.signedIn()).navigate(`${hintless.url}/logout`, { method: 'POST', from: hintless.url }) // prettier-ignore
    expect(end.url.href).toContain(`${hintless.simulator.url}/identity/connect/endsession`)

    const family = await start({
      provider: { ...paths, discovery: true, scope: 'openid offline_access', sendIdTokenHint: true },
    })
    const page = await (await family.signedIn()).navigate(`${family.url}/logout`, { method: 'POST', from: family.url })
    expect(page.url.href).toBe(`${family.url}/`)
    expect(page.hops.map(({ url }) => new URL(url).pathname)).toContain('/identity/connect/endsession')
    await until(() => family.simulator.issued.refreshTokens.every(({ revoked }) => revoked), 'the revocation')
  })
})

describe('HCSS, set up wrongly', () => {
  const broken: readonly [string, Given, number, string, RegExp][] = [
    ['with a wrong secret', { ...CONFIDENTIAL, provider: { clientSecret: 'a/wrong+secret' } }, 502, 'ERR_AUTH_MISCONFIGURED', /HCSS refuses this client \(invalid_client\); check clientId, clientSecret/],
    ['without a secret that is needed', { ...CONFIDENTIAL, provider: {} }, 502, 'ERR_AUTH_MISCONFIGURED', /HCSS refuses this client \(invalid_client\)/],
    ['with a body that is no form', { provider: { tokenRequest: 'json' } }, 502, 'ERR_AUTH_MISCONFIGURED', /HCSS refuses this client \(invalid_request\); check tokenRequest/],
    ['with the parameters in the query, which is not looked at', { provider: { tokenRequest: 'query' } }, 502, 'ERR_AUTH_MISCONFIGURED', /\(invalid_request\); check tokenRequest/],
  ] // prettier-ignore

  test.each(broken)('%s', async (_case, given, status, code, message) => {
    const site = await start(given)
    const browser = site.browser()
    const end = await (await withCode(site, browser))()

    expect([end.status, codeOf(end)]).toEqual([status, code])
    expect(site.loggable()).toMatch(message)
    expect(site.leaks(browser, ['a/wrong+secret', 'a%2Fwrong%2Bsecret'])).toEqual([])
  })

  test.each([
    ['a secret with characters that a form encodes', 'päß w/ö%20+&=?#"'],
    ['a secret that looks encoded', '%2B%26'],
  ])('%s arrives as it is', async (_case, clientSecret) => {
    const site = await start({
      simulator: { switches: { clientType: 'confidential' }, client: { clientSecret } },
      provider: { clientSecret },
    })
    const browser = await site.signedIn()
    expect(site.sent(TOKEN)[0]?.body['client_secret']).toBe(clientSecret)
    expect(site.leaks(browser)).toEqual([])
  })

  test.each([
    ['a redirect URI that is not registered', { callbacks: ['/elsewhere'] }, 'Invalid redirect_uri'],
    ['a scope that was not assigned', { provider: { scope: 'everything' } }, 'Invalid scope'],
    ['offline_access where it is not enabled', { simulator: { switches: { offlineAccess: 'refused' } } }, 'Invalid scope'],
  ] as const)('%s: it says so on a page of its own, and nothing comes back', async (_case, given, words) => {
    const site = await start(given)
    const page = await site.signIn(site.browser())
    expect(page.url.origin).toBe(site.simulator.url)
    expect(page.text).toContain(words)
    expect(site.sent(TOKEN)).toHaveLength(0)
  }) // prettier-ignore

  test('without a scope: said at construction', () => {
    const client = { clientId: 'hcss-client-01' }
    expect(() => hcss({ ...client, scope: '' })).toThrow('"scope" must not be empty')
    // @ts-expect-error -- it is required
    expect(() => hcss(client)).toThrow('"scope" is missing')
  })
})
