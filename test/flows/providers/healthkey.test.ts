import { describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import {
  startHealthKey,
  type HealthKeyOptions,
  type HealthKeySimulator,
} from '../../../example-app/simulators/healthkey.ts'
import type { LatchkeyOptions } from '../../../lib/index.ts'
import { healthkey, type ProviderOptions } from '../../../lib/providers/index.ts'
import { redisGrants } from '../../../lib/redis.ts'
import {
  afterPassingFault,
  codeOf,
  herd,
  hold,
  PASSING_FAULTS,
  providerSites,
  withCode,
  type ProviderSite,
} from '../../support/provider-site.ts'
import { startRedis } from '../../support/redis.ts'
import { until } from '../../support/until.ts'

const CLIENT = { clientId: 'hk-client-01', clientSecret: 'hk-secret-01' }
const FORM = 'application/x-www-form-urlencoded'
const PROFILE = '/api/v1/profile'
const LIFETIME = { seconds: 36_000 }
const DAYS = 24 * 3_600

const open = providerSites()

const TEXT: unknown = expect.any(String)
const CHALLENGE: unknown = expect.stringMatching(/^[\w-]{43}$/)

interface Given {
  simulator?: HealthKeyOptions
  provider?: Omit<Partial<ProviderOptions>, 'clientId' | 'host'>
  callbacks?: readonly string[]
  options?: () => Partial<LatchkeyOptions>
}

function start({ simulator = {}, provider = {}, ...rest }: Given = {}): Promise<ProviderSite<HealthKeySimulator>> {
  return open({
    simulator: (now) => startHealthKey({ now, ...simulator, switches: { consent: 'auto', ...simulator.switches } }),
    provider: (hk) => healthkey({ host: hk.url, ...CLIENT, scope: 'profile payment', ...provider }),
    ...rest,
  })
}

const FORMS: readonly [name: string, given: Given, place: 'query' | 'body', refreshSecret: boolean][] = [
  [
    'as its page documents it: all in the query, a refresh without the secret',
    {
      simulator: { switches: { placement: 'query', responseShape: 'documented' } },
      provider: { tokenRequest: 'query', refreshRequest: { clientAuthentication: false } },
    },
    'query',
    false,
  ],
  [
    'as its server family has it: a form, a refresh with the secret',
    { simulator: { switches: { placement: 'body', responseShape: 'toolkit', refreshNeedsSecret: true } } },
    'body',
    true,
  ],
  [
    'as a public client',
    { simulator: { switches: { clientType: 'public' } }, provider: { clientSecret: undefined } },
    'body',
    false,
  ],
]

describe.each(FORMS)('HealthKey, %s', (_name, given, place, refreshSecret) => {
  const secret =
    given.provider !== undefined && 'clientSecret' in given.provider ? {} : { client_secret: 'hk-secret-01' }

  test('authorize request, code exchange and refresh', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, PROFILE)).json()).toMatchObject({ id: 'alice' })

    const [authorize] = site.sent('/o/authorize/')
    expect(authorize).toMatchObject({ method: 'GET', body: {} })
    expect(authorize?.query).toEqual({
      response_type: 'code',
      client_id: 'hk-client-01',
      redirect_uri: `${site.url}/callback`,
      scope: 'profile payment',
      state: TEXT,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
    const [exchange] = site.sent('/o/token/', 'authorization_code')
    const verifier = exchange?.[place]['code_verifier']
    const common = { client_id: 'hk-client-01', redirect_uri: `${site.url}/callback`, code_verifier: verifier }
    const code = { grant_type: 'authorization_code', code: TEXT, ...common, ...secret }
    const refresh = { grant_type: 'refresh_token', refresh_token: TEXT, ...common, ...(refreshSecret && secret) } // prettier-ignore
    const written = (parameters: object): object => ({
      method: 'POST',
      path: '/o/token/',
      query: place === 'query' ? parameters : {},
      body: place === 'body' ? parameters : {},
      contentType: place === 'body' ? FORM : undefined,
      authorization: undefined,
    })
    expect(verifier).toMatch(/^[\w.~-]{43,128}$/)
    expect(site.sent('/o/token/')).toEqual([written(code), written(refresh)])
    // Not a byte beside: no lone `?`, no body.
    const raw = site.simulator.log.filter(({ path }) => path === '/o/token/')
    expect(raw.map(({ target, body }) => (place === 'query' ? body : target))).toEqual(place === 'query' ? ['', ''] : ['/o/token/', '/o/token/']) // prettier-ignore
  })

  test('calls in flight when a refresh ends their token are repeated with the new one', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    const transactions = '/api/v1/transactions'
    const release = hold(site.simulator, 'api')
    const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"products":[]}' }
    const early = Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? site.call(browser, PROFILE) : site.call(browser, transactions, order))), // prettier-ignore
    )
    await until(() => site.sent(PROFILE).length + site.sent(transactions).length === 20, 'the calls at the API')
    site.clock.advance(LIFETIME)
    const late = site.call(browser, PROFILE)
    await until(() => site.simulator.counters.refreshes === 1, 'the refresh')
    release()

    expect((await early).map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect((await late).status).toBe(200)
    expect(site.sent(transactions).map(({ body }) => JSON.stringify(body))).toEqual(Array(20).fill('{"products":[]}'))
    expect(site.sent('/o/token/', 'refresh_token')).toHaveLength(1)
    expect(site.simulator.counters.deadRefreshTokens).toBe(0)
  })
})

test.each(FORMS.slice(0, 2))(
  'HealthKey, %s: 200 calls on an expired token cost one refresh, and none fails',
  async (_name, given) => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)

    expect(await herd(site, browser, PROFILE)).toEqual([200])
    expect(site.sent('/o/token/', 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
    expect(site.simulator.counters.deadRefreshTokens).toBe(0)
  },
)

describe('HealthKey', () => {
  test('names nobody: each sign-in gets a name of its own, unless the application can tell who it is', async () => {
    const anonymous = await start()
    const [one, other] = [await anonymous.signedIn(), await anonymous.signedIn()]
    const names = [await one.get(`${anonymous.url}/me`), await other.get(`${anonymous.url}/me`)].map((me) => me.json())
    expect(names[0]).toEqual({ sub: expect.stringMatching(/^anonymous-[\w-]{22}$/) })
    expect(names[1]).not.toEqual(names[0])

    const site = await open({
      simulator: (now) => startHealthKey({ now, switches: { consent: 'auto' } }),
      provider: (hk) =>
        healthkey({ host: hk.url, ...CLIENT, identity: { url: `${hk.apiUrl}/api/v1/profile`, subject: 'id' } }),
    })
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice', name: TEXT })
  })

  test('gets redirect URI and verifier with each refresh, months after the sign-in and from another process', async () => {
    const site = await start({ simulator: { switches: { refreshNeedsSecret: true } } })
    const browser = await site.signedIn()
    const verifier = site.sent('/o/token/', 'authorization_code')[0]?.body['code_verifier']
    for (const month of [1, 2, 3]) {
      const inAnotherProcess = await site.another()
      site.clock.advance({ seconds: 30 * DAYS })
      expect((await browser.get(`${inAnotherProcess}/api${PROFILE}`)).status).toBe(200)
      expect(site.simulator.counters.refreshes).toBe(month)
    }

    const repeated = site.sent('/o/token/', 'refresh_token').map(({ body }) => [body['redirect_uri'], body['code_verifier']]) // prettier-ignore
    const atSignIn = [`${site.url}/callback`, verifier]
    expect(repeated).toEqual([atSignIn, atSignIn, atSignIn])
  })

  test('the verifier, as the tokens, is nowhere to be read: not in Redis, the session, the browser or an event', async () => {
    const redis = await startRedis()
    const client = new Redis(redis.port)
    try {
      const site = await start({ options: () => ({ grants: redisGrants(client) }) })
      const browser = await site.signedIn()
      const inAnotherProcess = await site.another()
      site.simulator.revokeAccessTokens()
      expect((await browser.get(`${inAnotherProcess}/api${PROFILE}`)).status).toBe(200)
      await browser.get(`${site.url}/grant`)

      const [exchange, refresh] = site.sent('/o/token/').map(({ body }) => body['code_verifier'])
      expect(refresh).toBe(exchange)
      expect(site.secrets()).toContain(exchange)
      const stored = await contentOf(client)
      expect(stored.length).toBeGreaterThan(0)
      expect(site.leaks(browser)).toEqual([])
      expect(site.secrets().filter((secret) => stored.some((text) => text.includes(secret)))).toEqual([])
    } finally {
      client.disconnect()
      await redis.close()
    }
  })

  test('a token that it has ended before its time is replaced, once for all', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect(await herd(site, browser, PROFILE, 20)).toEqual([200])
    expect(site.sent('/o/token/', 'refresh_token')).toHaveLength(1)
  })

  test('an answer that says something else about the token passes through', async () => {
    const site = await start({ provider: { scope: 'profile' } })
    const browser = await site.signedIn()
    const answer = await site.call(browser, '/api/v1/transactions', { method: 'POST' })

    expect([answer.status, answer.json()]).toEqual([403, { detail: 'You do not have permission to perform this action.' }]) // prettier-ignore
    expect(site.sent('/o/token/', 'refresh_token')).toHaveLength(0)
  })

  test('400 invalid_grant: the grant is over, and the next page begins a sign-in', async () => {
    const site = await start()
    const browser = await site.signedIn()
    site.simulator.revokeRefreshTokens()
    site.clock.advance(LIFETIME)

    const answer = await site.call(browser, PROFILE)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
    expect(site.refreshResults()).toEqual(['dead'])
    const page = await browser.navigate(`${site.url}/page`)
    expect([page.status, page.url.pathname]).toEqual([200, '/page'])
    expect(page.hops.map(({ url }) => new URL(url).pathname)).toContain('/o/authorize/')
  })

  test.each([
    ['another secret at HealthKey (401 invalid_client)', (hk: HealthKeySimulator) => (hk.client.clientSecret = 'changed'), 'invalid_client'], // prettier-ignore
    ['parameters in the wrong place', (hk: HealthKeySimulator) => (hk.switches.placement = 'query'), 'unsupported_grant_type'], // prettier-ignore
  ])(
    '%s is for the operator: 502, never the sign-in page, and the session goes on when it is put right',
    async (_case, spoil, word) => {
      const site = await start({ simulator: { switches: { refreshNeedsSecret: true } } })
      const browser = await site.signedIn()
      const { switches, client } = site.simulator
      const before = { placement: switches.placement, clientSecret: client.clientSecret }
      spoil(site.simulator)
      site.clock.advance(LIFETIME)

      const call = await site.call(browser, PROFILE)
      const page = await browser.navigate(`${site.url}/page`)
      expect([call.status, codeOf(call)]).toEqual([502, 'ERR_AUTH_MISCONFIGURED'])
      expect([page.status >= 500, page.hops.length]).toEqual([true, 1])
      expect(site.loggable()).toContain(`refuses this client (${word})`)

      switches.placement = before.placement
      client.clientSecret = before.clientSecret
      site.clock.advance({ seconds: 120 })
      expect((await site.call(browser, PROFILE)).status).toBe(200)
      expect(site.sent('/o/authorize/')).toHaveLength(1)
      expect(site.leaks(browser)).toEqual([])
    },
  )

  test.each(PASSING_FAULTS)(
    '%s at a refresh is a passing fault; whether it was one is known when it is asked again',
    async (fault) => {
      const site = await start()
      // Both old tokens are dead once it has refreshed, and a new pair that was lost cannot be asked for again.
      const isLost = fault === 'a 500 page' || fault === 'a dropped connection'
      expect(await afterPassingFault(site, PROFILE, fault)).toBe(isLost ? 'sign in again' : 'goes on')
    },
  )

  test('sign-out is here alone: nothing of it is documented', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const calls = site.simulator.log.length
    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })

    expect([page.status, page.url.href]).toEqual([200, `${site.url}/`])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    expect(site.simulator.log).toHaveLength(calls)
  })

  test('sign-out revokes where the operator has written the endpoint of its server family', async () => {
    const site = await start({ provider: { revocationEndpoint: '/o/revoke_token/' } })
    const browser = await site.signedIn()
    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })

    await until(() => site.simulator.issued.refreshTokens.every(({ revoked }) => revoked), 'the revocation')
    expect(site.simulator.issued.accessTokens.every(({ revoked }) => revoked)).toBe(true)
  })
})

describe('HealthKey, set up wrongly', () => {
  const broken: readonly [string, Given, (site: ProviderSite<HealthKeySimulator>) => void, number, string, RegExp][] = [
    ['with a wrong secret', { provider: { clientSecret: 'a/wrong+secret' } }, () => {}, 502, 'ERR_AUTH_MISCONFIGURED', /HealthKey refuses this client \(invalid_client\); check clientId, clientSecret/], // prettier-ignore
    ['without a secret that is needed', { provider: { clientSecret: undefined } }, () => {}, 502, 'ERR_AUTH_MISCONFIGURED', /HealthKey refuses this client \(invalid_client\)/], // prettier-ignore
    ['with the parameters in the query of a server that refuses that', { provider: { tokenRequest: 'query' } }, () => {}, 502, 'ERR_AUTH_MISCONFIGURED', /\(invalid_request\); check tokenRequest/], // prettier-ignore
    ['with a scope that it does not know', { provider: { scope: 'everything' } }, () => {}, 502, 'ERR_AUTH_MISCONFIGURED', /refuses the authorization request \(invalid_scope\)/], // prettier-ignore
    ['with a host that nobody answers at, and all in the query', { simulator: { switches: { placement: 'query' } }, provider: { tokenRequest: 'query' } }, ({ simulator }) => void simulator.close(), 503, 'ERR_AUTH_UNAVAILABLE', /HealthKey gave no usable answer/], // prettier-ignore
    ['with a host that nobody answers at', {}, ({ simulator }) => void simulator.close(), 503, 'ERR_AUTH_UNAVAILABLE', /HealthKey gave no usable answer/], // prettier-ignore
  ]

  test.each(broken)('%s', async (_case, given, spoil, status, code, message) => {
    const site = await start(given)
    const browser = site.browser()
    const bring = await withCode(site, browser)
    spoil(site)
    const end = await bring()

    expect([end.status, codeOf(end)]).toEqual([status, code])
    expect(site.loggable()).toMatch(message)
    expect(site.leaks(browser, ['a/wrong+secret', 'a%2Fwrong%2Bsecret'])).toEqual([])
    await browser.close()
  })

  test('with a redirect URI that is not registered, it says so itself, and nothing comes back', async () => {
    const site = await start({ callbacks: ['/elsewhere'] })
    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.url.origin).toBe(site.simulator.url)
    expect(page.text).toContain('Mismatching redirect URI')
    await browser.close()
  })

  test('without the slash of its paths, which are not put right behind anybody’s back', async () => {
    const site = await start({ provider: { tokenEndpoint: '/o/token' } })
    const page = await site.signIn(site.browser())

    expect([page.status >= 500, site.sent('/o/token').length, site.sent('/o/token/').length]).toEqual([true, 1, 0])
  })

  test('is said at construction where it can be known, without the values', () => {
    const wrong = {
      host: 'http://auth.hk.example/?x',
      clientId: 'hk-client-01',
      clientSecret: 'torn\napart',
      scope: '',
    }
    expect(() => healthkey(wrong)).toThrow(/"host".*"clientSecret".*"scope"/s)
    expect(() => healthkey(wrong)).not.toThrow(/torn|hk\.example/)
  })
})

async function contentOf(client: Redis): Promise<readonly string[]> {
  const keys = await client.keys('*')
  const values = await Promise.all(keys.map(async (key) => (await client.dumpBuffer(key)) ?? Buffer.alloc(0)))
  return [...keys, ...values.map((value) => value.toString('latin1'))]
}
