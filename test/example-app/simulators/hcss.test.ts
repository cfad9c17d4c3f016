import { afterEach, describe, expect, test } from '@jest/globals'
import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

import { startHcss, type HcssOptions, type HcssSimulator } from '../../../example-app/simulators/hcss.ts'
import { expectAnswer, header, send, statusOf, values, type WireAnswer } from './wire.ts'

const CALLBACK = 'https%3A%2F%2Fapp.example%2Fauth%2Fhcss%2Fcallback'
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const OTHER_VERIFIER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'

const ACCESS_TOKEN = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJDb21wYW55SWQiOiIxIn0.c2ln'
const NEW_ACCESS_TOKEN = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJDb21wYW55SWQiOiIxIn0.bmV3'

const AUTHORIZE = `
GET /identity/connect/authorize?client_id=hcss-client-01
    &scope=heavyjob%3Aread%20offline_access
    &response_type=code
    &redirect_uri=${CALLBACK}
    &state=c3RhdGUtaGNzcw
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: api.hcssapps.com`

const EXCHANGE = `
POST /identity/connect/token HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded
Accept: application/json

grant_type=authorization_code&client_id=hcss-client-01&code=9F1C4A6E
&redirect_uri=${CALLBACK}
&code_verifier=${VERIFIER}`

const TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json; charset=UTF-8
Cache-Control: no-store, no-cache, max-age=0
Pragma: no-cache

{"access_token":"${ACCESS_TOKEN}",
 "expires_in":3600,"token_type":"Bearer","refresh_token":"5E0B7C","scope":"heavyjob:read offline_access"}`

const REFRESH = `
POST /identity/connect/token HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=5E0B7C&client_id=hcss-client-01`

const NEW_TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json; charset=UTF-8

{"access_token":"${NEW_ACCESS_TOKEN}","expires_in":3600,"token_type":"Bearer","refresh_token":"77A1D2","scope":"heavyjob:read offline_access"}`

const API_CALL = `
GET /heavyjob/api/v1/businessUnits HTTP/1.1
Host: api.hcssapps.com
Authorization: Bearer ${ACCESS_TOKEN}
Accept: application/json`

const APP_TOKEN = `
POST /identity/connect/token HTTP/1.1
Host: api.hcssapps.com
Content-Type: application/x-www-form-urlencoded

grant_type=client_credentials&client_id=hcss-app-01&client_secret=hcss-secret-01&scope=heavyjob%3Aread%20skills%3Aread`

const INVALID_GRANT = `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=UTF-8
Cache-Control: no-store, no-cache, max-age=0
Pragma: no-cache

{"error":"invalid_grant"}`

const INVALID_CLIENT = `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=UTF-8

{"error":"invalid_client"}`

let simulator: HcssSimulator | undefined
afterEach(() => simulator?.close())

interface Clocked {
  readonly hcss: HcssSimulator
  readonly clock: { ms: number }
}

/** An hour before the token of the transcript expires, and with its values. */
async function start(switches: HcssOptions['switches'] = {}, options: HcssOptions = {}): Promise<Clocked> {
  const clock = { ms: Date.UTC(2025, 0, 1, 9) }
  simulator = await startHcss({
    now: () => clock.ms,
    nextToken: values({
      code: ['9F1C4A6E'],
      access_token: [ACCESS_TOKEN, NEW_ACCESS_TOKEN],
      refresh_token: ['5E0B7C', '77A1D2'],
    }),
    switches: { consent: 'auto', ...switches },
    ...options,
  })
  return { hcss: simulator, clock }
}

async function signIn({ url }: HcssSimulator): Promise<WireAnswer> {
  await send(url, AUTHORIZE)
  return send(url, EXCHANGE)
}

function codeOf(answer: WireAnswer): string {
  return new URL(header(answer, 'location') ?? '').searchParams.get('code') ?? ''
}

function expectError(answer: WireAnswer, error: string): void {
  expect({ status: statusOf(answer), body: answer.body }).toEqual({ status: 400, body: `{"error":"${error}"}` })
  expect(header(answer, 'www-authenticate')).toBeUndefined()
}

function expectErrorPage(answer: WireAnswer, description: string): void {
  expect(statusOf(answer)).toBe(400)
  expect(header(answer, 'location')).toBeUndefined()
  expect(answer.body).toContain(description)
}

describe('1. authorize', () => {
  test('sends the browser back with a code and the scope', async () => {
    const { hcss } = await start()

    expectAnswer(
      await send(hcss.url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/hcss/callback?code=9F1C4A6E&scope=heavyjob%3Aread%20offline_access&state=c3RhdGUtaGNzcw`,
    )
  })

  test('sends the browser back with access_denied and the fragment', async () => {
    const { hcss } = await start({ consent: 'deny' })

    expectAnswer(
      await send(hcss.url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/hcss/callback?error=access_denied&state=c3RhdGUtaGNzcw#_=_`,
    )
  })

  test.each([
    ['hcss-client-01', 'hcss-client-02', 'Unknown client'],
    ['callback', 'callback%2F', 'Invalid redirect_uri'],
    ['response_type=code', 'response_type=token', 'Response type not supported'],
    ['heavyjob%3Aread', 'heavybid%3Aread', 'Invalid scope'],
    ['S256', 'plain', 'Transform algorithm not supported'],
    ['GJSstw-cM', 'GJSstw-cM%3D', 'Invalid code challenge'],
    ['heavyjob%3Aread%20offline_access', '', 'Missing scope'],
  ])('%s changed to %s ends on a page of its own', async (right, wrong, description) => {
    const { hcss } = await start()

    expectErrorPage(await send(hcss.url, AUTHORIZE.replace(right, wrong)), description)
  })
})

describe('2. code exchange', () => {
  test('gives the tokens of the transcript', async () => {
    const { hcss } = await start()
    await send(hcss.url, AUTHORIZE)

    expectAnswer(await send(hcss.url, EXCHANGE), TOKENS)
  })

  test('gives no refresh token without offline_access', async () => {
    const { hcss } = await start()
    await send(hcss.url, AUTHORIZE.replace('%20offline_access', ''))

    expect((await send(hcss.url, EXCHANGE)).body).toBe(
      `{"access_token":"${ACCESS_TOKEN}","expires_in":3600,"token_type":"Bearer","scope":"heavyjob:read"}`,
    )
  })

  test('gives a signed JWT with a CompanyId when the test has no value for it', async () => {
    const { hcss } = await start({}, { nextToken: values({ code: ['9F1C4A6E'] }) })

    const { access_token: token } = JSON.parse((await signIn(hcss)).body) as { access_token: string }

    expect(await verified(hcss, token)).toMatchObject({ CompanyId: '1', sub: 'alice', iss: `${hcss.url}/identity` })
  })
})

describe('3. refresh', () => {
  test('gives a new refresh token; the old one is dead, the old access token is not', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    expectAnswer(await send(hcss.url, REFRESH), NEW_TOKENS)

    expectAnswer(await send(hcss.url, REFRESH), INVALID_GRANT)
    expect(hcss.counters.deadRefreshTokens).toBe(1)
    expect(statusOf(await send(hcss.url, API_CALL))).toBe(200)
    expect(statusOf(await send(hcss.url, API_CALL.replace(ACCESS_TOKEN, NEW_ACCESS_TOKEN)))).toBe(200)
  })

  test('refreshOneTime off: the refresh token stays the same', async () => {
    const { hcss } = await start({ refreshOneTime: false })
    await signIn(hcss)

    expectAnswer(await send(hcss.url, REFRESH), NEW_TOKENS.replace('77A1D2', '5E0B7C'))
    expect(statusOf(await send(hcss.url, REFRESH))).toBe(200)
    expect(statusOf(await send(hcss.url, API_CALL))).toBe(200)
  })

  test('is over thirty days after the sign-in, however often it was done', async () => {
    const { hcss, clock } = await start()
    await signIn(hcss)
    clock.ms += 29 * 24 * 3_600_000
    expect(statusOf(await send(hcss.url, REFRESH))).toBe(200)
    clock.ms += 24 * 3_600_000

    expectAnswer(await send(hcss.url, REFRESH.replace('5E0B7C', '77A1D2')), INVALID_GRANT)
  })

  test('without a refresh token is an invalid request', async () => {
    const { hcss } = await start()

    expectError(await send(hcss.url, REFRESH.replace('&refresh_token=5E0B7C', '')), 'invalid_request')
  })
})

describe('4. API call, token expired', () => {
  test('has a challenge with the time, and an empty body', async () => {
    const { hcss, clock } = await start()
    await signIn(hcss)
    clock.ms += 3_600_000

    expectAnswer(
      await send(hcss.url, API_CALL),
      `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer error="invalid_token", error_description="The token expired at '01/01/2025 10:00:00'"
Content-Length: 0`,
    )
  })

  test('without a token, the challenge has no error', async () => {
    const { hcss } = await start()

    expectAnswer(
      await send(hcss.url, API_CALL.replace(/Authorization: .*\n/, '')),
      `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer
Content-Length: 0`,
    )
  })
})

describe('5. other API answers', () => {
  test('403 when the scope is missing', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    const answer = await send(
      hcss.url,
      API_CALL.replace('GET /heavyjob/api/v1/businessUnits', 'POST /heavyjob/api/v1/timeCards'),
    )

    expectAnswer(answer, 'HTTP/1.1 403 Forbidden')
    expect(header(answer, 'www-authenticate')).toBeUndefined()
  })

  test('429 beyond the calls of a minute', async () => {
    const { hcss, clock } = await start({ rateLimit: { perMinute: 2, atOnce: 20 } })
    await signIn(hcss)
    await send(hcss.url, API_CALL)
    clock.ms += 1000
    await send(hcss.url, API_CALL)
    clock.ms += 47_000

    expectAnswer(
      await send(hcss.url, API_CALL),
      `
HTTP/1.1 429 Too Many Requests
Retry-After: 12
Remaining-Calls: 0`,
    )
    clock.ms += 12_000
    expect(statusOf(await send(hcss.url, API_CALL))).toBe(200)
    expect(header(await send(hcss.url, API_CALL), 'retry-after')).toBe('1')
  })

  test('429 beyond the calls at once', async () => {
    const { hcss } = await start({ rateLimit: { perMinute: 100, atOnce: 20 } })
    await signIn(hcss)
    let open = (): void => {}
    hcss.faults.api.hold = new Promise((resolve) => (open = resolve))
    const before = hcss.log.length

    const calls = Array.from({ length: 25 }, () => send(hcss.url, API_CALL))
    while (hcss.log.length < before + 25) await setImmediate()
    open()
    const statuses = (await Promise.all(calls)).map(statusOf)

    expect(statuses.filter((status) => status === 200)).toHaveLength(20)
    expect(statuses.filter((status) => status === 429)).toHaveLength(5)
  })

  test('200 calls at once where there is no limit', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    const answers = await Promise.all(Array.from({ length: 200 }, () => send(hcss.url, API_CALL)))

    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]))
  })

  test('tells who the user is', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    const answer = await send(hcss.url, API_CALL.replace('businessUnits', 'me'))

    expect(JSON.parse(answer.body)).toEqual({
      id: 'alice',
      name: 'Alice Liddell',
      email: 'alice@example.com',
      companyId: '1',
    })
  })
})

describe('6. token errors', () => {
  test('a code works once', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    const answer = await send(hcss.url, EXCHANGE)

    expectAnswer(answer, INVALID_GRANT)
    expect(header(answer, 'www-authenticate')).toBeUndefined()
  })

  test('a code expires after five minutes', async () => {
    const { hcss, clock } = await start()
    await send(hcss.url, AUTHORIZE)
    clock.ms += 300_000

    expectAnswer(await send(hcss.url, EXCHANGE), INVALID_GRANT)
  })

  test.each([
    ['another redirect URI', 'callback', 'callback%2F', 'invalid_grant'],
    ['no redirect URI', `\n&redirect_uri=${CALLBACK}`, '', 'unauthorized_client'],
    ['another verifier', VERIFIER, OTHER_VERIFIER, 'invalid_grant'],
    ['no verifier', `\n&code_verifier=${VERIFIER}`, '', 'invalid_grant'],
  ])('%s spends the code', async (_, right, wrong, error) => {
    const { hcss } = await start()
    await send(hcss.url, AUTHORIZE)

    expectError(await send(hcss.url, EXCHANGE.replace(right, wrong)), error)
    expectAnswer(await send(hcss.url, EXCHANGE), INVALID_GRANT)
  })

  test('an unknown client is an invalid client, with 400 and without a challenge', async () => {
    const { hcss } = await start()

    const answer = await send(hcss.url, REFRESH.replace('hcss-client-01', 'hcss-client-02'))

    expectAnswer(answer, INVALID_CLIENT)
    expect(header(answer, 'www-authenticate')).toBeUndefined()
  })

  test('another grant type is not supported', async () => {
    const { hcss } = await start()

    expectError(await send(hcss.url, REFRESH.replace('=refresh_token', '=password')), 'unsupported_grant_type')
  })

  test.each([
    ['a JSON label', EXCHANGE.replace('x-www-form-urlencoded', 'json')],
    ['no label', EXCHANGE.replace('Content-Type: application/x-www-form-urlencoded\n', '')],
    ['a GET', 'GET /identity/connect/token?grant_type=refresh_token HTTP/1.1\nHost: api.hcssapps.com'],
  ])('%s is an invalid request', async (_, request) => {
    const { hcss } = await start()
    await send(hcss.url, AUTHORIZE)

    expectError(await send(hcss.url, request), 'invalid_request')
  })

  test('the query is not looked at', async () => {
    const { hcss } = await start()
    await signIn(hcss)

    const inQuery = REFRESH.replace('/token ', '/token?refresh_token=5E0B7C ').replace('&refresh_token=5E0B7C&', '&')
    expectError(await send(hcss.url, inQuery), 'invalid_request')
    expectAnswer(await send(hcss.url, REFRESH.replace('/token ', '/token?grant_type=nonsense ')), NEW_TOKENS)
  })

  test('the path takes no slash at its end', async () => {
    const { hcss } = await start()

    expect(statusOf(await send(hcss.url, REFRESH.replace('/token ', '/token/ ')))).toBe(404)
  })
})

describe('7. app tokens', () => {
  test('gives an app a token for its scopes, and no refresh token', async () => {
    const { hcss } = await start()

    expect((await send(hcss.url, APP_TOKEN)).body).toBe(
      `{"access_token":"${ACCESS_TOKEN}","expires_in":3600,"token_type":"Bearer","scope":"heavyjob:read skills:read"}`,
    )
    expect(statusOf(await send(hcss.url, API_CALL))).toBe(200)
  })

  test.each([
    ['a wrong secret', 'hcss-secret-01', 'nonsense', 'invalid_client'],
    ['another scope', 'skills%3Aread', 'skills%3Awrite', 'invalid_scope'],
    ['the client of the users', 'hcss-app-01', 'hcss-client-01', 'unauthorized_client'],
  ])('refuses %s', async (_, right, wrong, error) => {
    const { hcss } = await start()

    expectError(await send(hcss.url, APP_TOKEN.replace(right, wrong)), error)
  })

  test('company: needs the id of a company that has connected the app', async () => {
    const { hcss } = await start()
    const company = APP_TOKEN.replace('client_credentials', 'company')

    expectError(await send(hcss.url, company), 'invalid_request')
    expectError(await send(hcss.url, `${company}&CompanyId=2`), 'invalid_grant')
    expect(statusOf(await send(hcss.url, `${company}&CompanyId=1`))).toBe(200)
  })
})

describe('switches', () => {
  test('confidential: needs the secret, in the form or as Basic', async () => {
    const { hcss } = await start({ clientType: 'confidential' })
    await send(hcss.url, AUTHORIZE)

    expectAnswer(await send(hcss.url, EXCHANGE), INVALID_CLIENT)
    expectAnswer(await send(hcss.url, `${EXCHANGE}&client_secret=nonsense`), INVALID_CLIENT)
    expectAnswer(await send(hcss.url, `${EXCHANGE}&client_secret=`), INVALID_CLIENT)
    expectAnswer(await send(hcss.url, `${EXCHANGE}&client_secret=hcss-secret-02`), TOKENS)

    const basic = Buffer.from('hcss%2Dclient%2D01:hcss%2Dsecret%2D02').toString('base64')
    const refresh = REFRESH.replace('&client_id=hcss-client-01', '').replace(
      'Host',
      `Authorization: Basic ${basic}\nHost`,
    )
    expectAnswer(await send(hcss.url, refresh), NEW_TOKENS)
  })

  test('pkceRequired: without a challenge there is a page; without the switch neither challenge nor verifier is needed', async () => {
    const { hcss } = await start()
    const withoutChallenge = AUTHORIZE.replace(/\n *&code_challenge=[^]*S256/, '')
    const withoutVerifier = EXCHANGE.replace(`\n&code_verifier=${VERIFIER}`, '')
    expectErrorPage(await send(hcss.url, withoutChallenge), 'code challenge required')

    hcss.switches.pkceRequired = false
    expect(statusOf(await send(hcss.url, withoutChallenge))).toBe(302)
    expectAnswer(await send(hcss.url, withoutVerifier), TOKENS)

    const code = codeOf(await send(hcss.url, withoutChallenge))
    expectAnswer(await send(hcss.url, EXCHANGE.replace('9F1C4A6E', code)), INVALID_GRANT)
  })

  test('offlineAccess refused: asking for it ends on a page', async () => {
    const { hcss } = await start({ offlineAccess: 'refused' })

    expectErrorPage(await send(hcss.url, AUTHORIZE), 'Invalid scope')
    expect(statusOf(await send(hcss.url, AUTHORIZE.replace('%20offline_access', '')))).toBe(302)
    expect(JSON.parse((await send(hcss.url, EXCHANGE)).body)).not.toHaveProperty('refresh_token')
  })

  test('offlineAccess withdrawn: the refresh token is dead', async () => {
    const { hcss } = await start()
    await signIn(hcss)
    hcss.switches.offlineAccess = 'refused'

    expectAnswer(await send(hcss.url, REFRESH), INVALID_GRANT)
  })

  test('emitIss: right and wrong', async () => {
    const { hcss } = await start({ emitIss: 'right' })
    const iss = async (): Promise<string | null> =>
      new URL(header(await send(hcss.url, AUTHORIZE), 'location') ?? '').searchParams.get('iss')

    expect(await iss()).toBe(`${hcss.url}/identity`)
    hcss.switches.emitIss = 'wrong'
    expect(await iss()).toBe('https://attacker.example/identity')
    hcss.switches.consent = 'deny'
    expect(await iss()).toBe('https://attacker.example/identity')
  })

  test('wafUserAgent: the firewall answers a page unless the agent matches', async () => {
    const { hcss } = await start({ wafUserAgent: /^Mozilla\/5\.0/ })
    await send(hcss.url, AUTHORIZE)

    const answer = await send(hcss.url, EXCHANGE)
    expect(statusOf(answer)).toBe(403)
    expect(header(answer, 'content-type')).toBe('text/html')

    hcss.switches.wafUserAgent = /^the demo app/
    await send(hcss.url, AUTHORIZE.replace('Host', 'User-Agent: the demo app\nHost'))
    expect(statusOf(await send(hcss.url, EXCHANGE.replace('Host', 'User-Agent: the demo app/1\nHost')))).toBe(200)
  })

  test('customerMustAuthoriseAgain: 401 at the token endpoint until there is a new code', async () => {
    const { hcss } = await start()
    await signIn(hcss)
    hcss.switches.customerMustAuthoriseAgain = true

    const answer = await send(hcss.url, REFRESH)
    expect({ status: statusOf(answer), body: answer.body }).toEqual({ status: 401, body: '' })

    const code = codeOf(await send(hcss.url, AUTHORIZE))
    expect(statusOf(await send(hcss.url, EXCHANGE.replace('9F1C4A6E', code)))).toBe(200)
  })
})

describe('OpenID Connect', () => {
  const OPENID = AUTHORIZE.replace('heavyjob%3Aread', 'openid%20profile').replace('&state', '&nonce=n-1&state')

  test('the ID Token is signed by the key of the discovery document', async () => {
    const { hcss } = await start()
    const { searchParams } = new URL(header(await send(hcss.url, OPENID), 'location') ?? '')
    expect(searchParams.get('session_state')).toEqual(expect.any(String))

    const { id_token: token } = JSON.parse((await send(hcss.url, EXCHANGE)).body) as { id_token: string }

    expect(await verified(hcss, token)).toMatchObject({
      iss: `${hcss.url}/identity`,
      aud: 'hcss-client-01',
      sub: 'alice',
      nonce: 'n-1',
    })
    const refreshed = JSON.parse((await send(hcss.url, REFRESH)).body) as { id_token: string }
    expect(await verified(hcss, refreshed.id_token)).not.toHaveProperty('nonce')
  })

  test('userinfo tells what the scopes allow', async () => {
    const { hcss } = await start()
    await send(hcss.url, OPENID)
    await send(hcss.url, EXCHANGE)

    const answer = await send(
      hcss.url,
      API_CALL.replace('/heavyjob/api/v1/businessUnits', '/identity/connect/userinfo'),
    )

    expect(JSON.parse(answer.body)).toEqual({ sub: 'alice', name: 'Alice Liddell' })
  })

  test('the issuer may be another than the URL, the ID Token and the document may be missing', async () => {
    const { hcss } = await start({ issuer: 'https://behind.example/identity', idToken: false })
    const discovery = 'GET /identity/.well-known/openid-configuration HTTP/1.1\nHost: api.hcssapps.com'

    expect(JSON.parse((await send(hcss.url, discovery)).body)).toMatchObject({
      issuer: 'https://behind.example/identity',
      token_endpoint: `${hcss.url}/identity/connect/token`,
    })
    await send(hcss.url, OPENID)
    expect(JSON.parse((await send(hcss.url, EXCHANGE)).body)).not.toHaveProperty('id_token')
    hcss.switches.discovery = false
    expect(statusOf(await send(hcss.url, discovery))).toBe(404)
  })

  test('the end of a session leads back to where the client has registered it', async () => {
    const { hcss } = await start()
    await send(hcss.url, AUTHORIZE.replace('heavyjob%3Aread', 'openid%20profile'))
    const { id_token: token } = JSON.parse((await send(hcss.url, EXCHANGE)).body) as { id_token: string }
    const endSession = (hint: string): string => `
GET /identity/connect/endsession?post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=xyz${hint} HTTP/1.1
Host: api.hcssapps.com`
    const leadsTo = async (hint: string): Promise<unknown> => header(await send(hcss.url, endSession(hint)), 'location')

    expect(await leadsTo(`&id_token_hint=${token}`)).toBeUndefined()
    hcss.client.postLogoutRedirectUris = ['https://app.example/bye']
    expect(await leadsTo(`&id_token_hint=${token}`)).toBe('https://app.example/bye?state=xyz')
    expect(await leadsTo(`&id_token_hint=${token.replace(/\.[^.]*\./, '.e30.')}`)).toBeUndefined()
    expect(await leadsTo('')).toBeUndefined()
  })

  test('revocation ends a refresh token, and no access token', async () => {
    const { hcss } = await start()
    await signIn(hcss)
    const revocation = REFRESH.replace('/token ', '/revocation ')

    expect(statusOf(await send(hcss.url, revocation.replace('refresh_token=5E0B7C', 'token=5E0B7C')))).toBe(200)

    expectAnswer(await send(hcss.url, REFRESH), INVALID_GRANT)
    expect(statusOf(await send(hcss.url, API_CALL))).toBe(200)
  })
})

/** @returns the claims of a JWT whose signature is right. */
async function verified({ url }: HcssSimulator, token: string): Promise<unknown> {
  const jwks = 'GET /identity/.well-known/openid-configuration/jwks HTTP/1.1\nHost: api.hcssapps.com'
  const { keys } = JSON.parse((await send(url, jwks)).body) as { keys: [JsonWebKey] }
  const [head, claims = '', signature = ''] = token.split('.')
  const key = createPublicKey({ key: keys[0], format: 'jwk' })
  expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'))
}
