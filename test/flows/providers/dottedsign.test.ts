import { describe, expect, test } from '@jest/globals'
import { startDottedSign, type DottedSignOptions, type DottedSignSimulator } from '../../../example-app/simulators/dottedsign.ts' // prettier-ignore
import { dottedsign, type ProviderOptions } from '../../../lib/providers/index.ts'
import { afterPassingFault, codeOf, herd, PASSING_FAULTS, providerSites, SOON, withCode, type ProviderSite } from '../../support/provider-site.ts' // prettier-ignore

const SECRET = 'ds-secret-01'
const TOKEN = '/v1/oauth/token'
const TASKS = '/v1/sign_tasks/list'
const LIFETIME = { seconds: 172_800 }

const open = providerSites()

const TEXT: unknown = expect.any(String)
const CHALLENGE: unknown = expect.stringMatching(/^[\w-]{43}$/)

interface Given {
  simulator?: DottedSignOptions
  provider?: Omit<Partial<ProviderOptions>, 'clientId' | 'host' | 'clientSecret'> & { clientSecret?: string }
  callbacks?: readonly string[]
}

function start({ simulator = {}, provider = {}, callbacks }: Given = {}): Promise<ProviderSite<DottedSignSimulator>> {
  return open({
    simulator: (now) => startDottedSign({ now, ...simulator, switches: { consent: 'auto', ...simulator.switches } }),
    provider: ({ url }) => dottedsign({ host: url, clientId: 'ds-client-01', clientSecret: SECRET, ...provider }),
    callbacks,
  })
}

const READ = 'sign_tasks.general.read'
const MEMBER = { url: '/v1/members/me', subject: 'id', within: 'data' }
const ANONYMOUS = { sub: expect.stringMatching(/^anonymous-/) }

const FORMS: readonly [name: string, given: Given, contentType: string, user: object][] = [
  [
    'with JSON, as its own clients do, and 401 for an expired token',
    { simulator: { switches: { bodyEncoding: 'json', expiredStyle: 401, pkce: 'ignore' } }, provider: { scope: READ } },
    'application/json',
    ANONYMOUS,
  ],
  [
    'with a form, as its server family understands it, and 400 with 400003 for an expired token',
    {
      simulator: { switches: { bodyEncoding: 'form', expiredStyle: 400003, pkce: 'enforce', scopeInResponse: false } },
      provider: { tokenRequest: 'form', scope: READ },
    },
    'application/x-www-form-urlencoded',
    ANONYMOUS,
  ],
  [
    'without PKCE and scope, its API saying who it is, and 400 with 400002 for an expired token',
    { simulator: { switches: { pkce: 'reject', expiredStyle: 400002 } }, provider: { pkce: 'off', identity: MEMBER } },
    'application/json',
    { sub: '1001', name: 'Alice Liddell', is_registered: true },
  ],
]

describe.each(FORMS)('DottedSign, %s', (_name, given, contentType, user) => {
  test('authorize request, code exchange, who it is, refresh', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject(user)
    site.clock.advance(LIFETIME)
    expect((await site.call(browser, `${TASKS}?page=1&per_page=2`)).json()).toMatchObject({ data: [{}, {}] })

    const hasPkce = given.provider?.pkce !== 'off'
    const [authorize] = site.sent('/v1/oauth/authorize')
    expect(authorize).toMatchObject({ method: 'GET', body: {} })
    expect(authorize?.query).toEqual({
      client_id: 'ds-client-01',
      response_type: 'code',
      redirect_uri: `${site.url}/callback`,
      ...(given.provider?.scope !== undefined && { scope: READ }),
      state: TEXT,
      ...(hasPkce && { code_challenge: CHALLENGE, code_challenge_method: 'S256' }),
    })
    const request = { method: 'POST', path: TOKEN, query: {}, contentType, authorization: undefined }
    const client = { client_id: 'ds-client-01', client_secret: SECRET }
    const code = { grant_type: 'authorization_code', code: TEXT, redirect_uri: `${site.url}/callback` }
    const refresh = { grant_type: 'refresh_token', refresh_token: TEXT }
    expect(site.sent(TOKEN)).toEqual([
      { ...request, body: { ...client, ...code, ...(hasPkce && { code_verifier: TEXT }) } },
      { ...request, body: { ...client, ...refresh } },
    ])
  })

  test('its own words for a token that it has ended are understood: one refresh for all, and no call fails', async () => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.simulator.revokeAccessTokens()

    expect(await herd(site, browser, TASKS, 20)).toEqual([200])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
  })
})

test.each(FORMS.slice(0, 2))(
  'DottedSign, %s: 200 calls on an expired token cost one refresh, and none fails',
  async (_name, given) => {
    const site = await start(given)
    const browser = await site.signedIn()
    site.clock.advance(LIFETIME)

    expect(await herd(site, browser, TASKS)).toEqual([200])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
    expect(site.refreshResults()).toEqual(['ok'])
  },
)

describe('DottedSign', () => {
  test.each([
    [400417, 400, 'invalid_params'],
    [403002, 403, 'invalid_action'],
    [406, 406, 'invalid_resource'],
    [429, 429, 'too_many_requests'],
  ] as const)('%p is about something else: it passes through, and costs no refresh', async (apiError, status, key) => {
    const site = await start({ simulator: { switches: { apiError, expiredStyle: 400003 } } })
    const browser = await site.signedIn()

    const answer = await site.call(browser, TASKS)
    const raw = site.simulator.log.at(-1)?.answer
    expect(answer.status).toBe(status)
    expect(answer.json()).toMatchObject({ error_key: key })
    expect([answer.text, answer.headers.get('content-type')]).toEqual([raw?.body, 'application/json; charset=utf-8'])
    expect(site.sent(TASKS)).toHaveLength(1)
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(0)
  })

  test('the same from the application’s own fetch: 400 with its code is a refresh, 400 without is the answer', async () => {
    const site = await open({
      simulator: (now) => startDottedSign({ now, switches: { consent: 'auto', expiredStyle: 400002 } }),
      provider: ({ url }) => dottedsign({ host: url, clientId: 'ds-client-01', clientSecret: SECRET }),
      routes: (app, _auth, { url }) =>
        void app.get('/tasks', async (req, res) => {
          const answer = await req.auth.fetch(url + TASKS)
          res.status(answer.status).send(await answer.text())
        }),
    })
    const browser = await site.signedIn()
    const tasks = (): ReturnType<typeof browser.get> => browser.get(`${site.url}/tasks`)
    site.simulator.revokeAccessTokens()
    expect((await tasks()).status).toBe(200)

    site.simulator.switches.apiError = 400417
    const answer = await tasks()
    expect([answer.status, answer.text]).toEqual([400, site.simulator.log.at(-1)?.answer?.body])
    expect(site.sent(TOKEN, 'refresh_token')).toHaveLength(1)
  })

  test.each([true, false])(
    'error_code 401001 with challenge header %p: the grant is over, and the next page begins a sign-in',
    async (challengeHeader) => {
      const site = await start({ simulator: { switches: { challengeHeader } } })
      const browser = await site.signedIn()
      site.simulator.revokeRefreshTokens()
      site.clock.advance(LIFETIME)

      const answer = await site.call(browser, TASKS)
      expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_AUTH_REVOKED'])
      expect(site.refreshResults()).toEqual(['dead'])
      const page = await browser.navigate(`${site.url}/page`)
      expect([page.status, page.url.pathname]).toEqual([200, '/page'])
      expect(site.sent('/v1/oauth/authorize')).toHaveLength(2)
      expect(site.leaks(browser)).toEqual([])
    },
  )

  test.each([true, false])(
    'another secret there, with challenge header %p: 502, never the sign-in page, and the session goes on',
    async (challengeHeader) => {
      const site = await start({ simulator: { switches: { challengeHeader } } })
      const browser = await site.signedIn()
      site.simulator.client.clientSecret = 'changed'
      site.clock.advance(LIFETIME)

      const [call, page] = [await site.call(browser, TASKS), await browser.navigate(`${site.url}/page`)]
      expect([call.status, codeOf(call), page.hops.length]).toEqual([502, 'ERR_AUTH_MISCONFIGURED', 1])
      expect(site.loggable()).toContain('refuses this client (invalid_client)')
      expect(site.leaks(browser)).toEqual([])

      site.simulator.client.clientSecret = SECRET
      site.clock.advance({ seconds: 120 })
      expect((await site.call(browser, TASKS)).status).toBe(200)
      expect(site.sent('/v1/oauth/authorize')).toHaveLength(1)
    },
  )

  describe.each([true, false])('where the old pair dies with the first use of the new one: %p', (lazyRotation) => {
    test.each(PASSING_FAULTS)('%s at a refresh is a passing fault', async (fault) => {
      const site = await start({ simulator: { switches: { lazyRotation } } })
      const isLost = fault === 'a 500 page' || fault === 'a dropped connection'
      expect(await afterPassingFault(site, TASKS, fault, SOON)).toBe(
        isLost && !lazyRotation ? 'sign in again' : 'goes on',
      )
      expect(site.simulator.counters.deadRefreshTokens).toBe(isLost && !lazyRotation ? 1 : 0)
    })
  })

  test('an answer without state signs nobody in', async () => {
    const site = await start({ simulator: { switches: { echoState: false } } })
    const browser = site.browser()
    const page = await site.signIn(browser)
    expect([page.status, codeOf(page)]).toEqual([400, 'ERR_AUTH_TRANSACTION'])
    expect(site.sent(TOKEN)).toHaveLength(0)
  })

  test('denied: a page that says so', async () => {
    const site = await start({ simulator: { switches: { consent: 'deny' } } })
    const page = await site.signIn(site.browser())
    expect([page.status, codeOf(page)]).toEqual([403, 'ERR_AUTH_DENIED'])
  })

  test('sign-out is here alone: nothing of it is documented', async () => {
    const site = await start()
    const browser = await site.signedIn()
    const calls = site.simulator.log.length
    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })
    expect([page.status, page.url.href]).toEqual([200, `${site.url}/`])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    expect(site.simulator.log).toHaveLength(calls)
  })
})

describe('DottedSign, set up wrongly', () => {
  const broken: readonly [string, Given, number, string, RegExp][] = [
    ['with a wrong secret', { provider: { clientSecret: 'a/wrong+secret' } }, 502, 'ERR_AUTH_MISCONFIGURED', /DottedSign refuses this client \(invalid_client\); check clientId, clientSecret/],
    ['with a form where it reads JSON alone', { simulator: { switches: { bodyEncoding: 'json' } }, provider: { tokenRequest: 'form' } }, 502, 'ERR_AUTH_MISCONFIGURED', /\(invalid_request\); check tokenRequest/],
    ['with JSON where it reads forms alone', { simulator: { switches: { bodyEncoding: 'form' } } }, 502, 'ERR_AUTH_MISCONFIGURED', /\(invalid_request\); check tokenRequest/],
    ['with a scope that it does not know', { simulator: { switches: { authorizationErrors: 'redirect' } }, provider: { scope: 'everything' } }, 502, 'ERR_AUTH_MISCONFIGURED', /refuses the authorization request \(invalid_scope\)/],
    ['with PKCE where that is refused', { simulator: { switches: { pkce: 'reject', authorizationErrors: 'redirect' } } }, 502, 'ERR_AUTH_MISCONFIGURED', /refuses the authorization request \(invalid_request\); check scope, pkce/],
    ['with an identity that is not there', { provider: { identity: { ...MEMBER, url: '/v1/members/nobody' } } }, 502, 'ERR_AUTH_MISCONFIGURED', /DottedSign answers 404 when asked who has signed in/],
    ['with an identity that names nobody', { provider: { identity: { ...MEMBER, within: 'member' } } }, 502, 'ERR_AUTH_UNTRUSTED', /names nobody: "id" is missing/],
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
    ['json', 'päß w/ö%20+&=?#"\\'],
    ['form', 'päß w/ö%20+&=?#"\\'],
  ] as const)('a secret with special characters arrives as it is, as %s', async (tokenRequest, clientSecret) => {
    const site = await start({ simulator: { client: { clientSecret } }, provider: { clientSecret, tokenRequest } })
    const browser = await site.signedIn()
    expect(site.sent(TOKEN)[0]?.body['client_secret']).toBe(clientSecret)
    expect(site.leaks(browser)).toEqual([])
  })

  test('with a redirect URI that is not registered, it says so itself, and nothing comes back', async () => {
    const site = await start({ callbacks: ['/elsewhere'] })
    const page = await site.signIn(site.browser())
    expect(page.url.origin).toBe(site.simulator.url)
    expect(page.text).toContain('redirect uri is malformed')
  })

  test('without a secret: said at construction', () => {
    // @ts-expect-error -- it is required
    expect(() => dottedsign({ clientId: 'ds-client-01' })).toThrow('"clientSecret" is missing')
  })
})
