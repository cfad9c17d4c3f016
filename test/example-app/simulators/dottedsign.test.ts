import { afterEach, describe, expect, test } from '@jest/globals'

import {
  startDottedSign,
  type DottedSignOptions,
  type DottedSignSimulator,
} from '../../../example-app/simulators/dottedsign.ts'
import { expectAnswer, header, send, statusOf, values, type WireAnswer } from './wire.ts'

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const OTHER_VERIFIER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'

const AUTHORIZE = `
GET /v1/oauth/authorize?client_id=ds-client-01
    &response_type=code
    &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fdottedsign%2Fcallback
    &scope=sign_tasks.general.read%20sign_tasks.general.write
    &state=ZHMtc3RhdGU
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: api.dottedsign.example`

const PKCE = /\n *&code_challenge=[\w-]+\n *&code_challenge_method=S256/

const EXCHANGE = `
POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/json
Accept: application/json

{"client_id":"ds-client-01","client_secret":"ds-secret-01","grant_type":"authorization_code",
 "code":"dsC0de1","redirect_uri":"https://app.example/auth/dottedsign/callback"}`

const EXCHANGE_AS_FORM = `
POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/x-www-form-urlencoded
Accept: application/json

client_id=ds-client-01&client_secret=ds-secret-01&grant_type=authorization_code
&code=dsC0de1&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fdottedsign%2Fcallback`

const TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json; charset=utf-8
Cache-Control: no-store, no-cache

{"access_token":"dsAT0001","token_type":"Bearer","expires_in":172800,"refresh_token":"dsRT0001",
 "scope":"sign_tasks.general.read sign_tasks.general.write","created_at":1735689600}`

const REFRESH = `
POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/json

{"client_id":"ds-client-01","client_secret":"ds-secret-01","grant_type":"refresh_token","refresh_token":"dsRT0001"}`

const REFRESH_AS_FORM = `
POST /v1/oauth/token HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/x-www-form-urlencoded

client_id=ds-client-01&client_secret=ds-secret-01&grant_type=refresh_token&refresh_token=dsRT0001`

const NEW_TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json; charset=utf-8

{"access_token":"dsAT0002","token_type":"Bearer","expires_in":172800,"refresh_token":"dsRT0002",
 "scope":"sign_tasks.general.read sign_tasks.general.write","created_at":1735862400}`

const LIST = `
GET /v1/sign_tasks/list?page=1&per_page=10 HTTP/1.1
Host: api.dottedsign.example
Authorization: Bearer dsAT0001
Accept: application/json`

const ME = `
GET /v1/members/me HTTP/1.1
Host: api.dottedsign.example
Authorization: Bearer dsAT0001
Accept: application/json`

const EXPIRED_A = `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token expired"
Content-Type: application/json; charset=utf-8

{"error_code":401001,"error_key":"invalid_grant","error_message":"The access token expired"}`

const EXPIRED_B = `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=utf-8

{"error_code":400003,"error_key":"invalid_member","error_message":"invalid member"}`

const INVALID_GRANT = `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=utf-8
Cache-Control: no-store, no-cache
WWW-Authenticate: Bearer realm="Doorkeeper", error="invalid_grant", error_description="grant invalid, expired or revoked"

{"error":"invalid_grant","error_description":"grant invalid, expired or revoked","error_code":401001,"error_message":"invalid grant"}`

const INVALID_CLIENT = `
HTTP/1.1 401 Unauthorized
Content-Type: application/json; charset=utf-8
WWW-Authenticate: Bearer realm="Doorkeeper", error="invalid_client", error_description="unknown client or wrong credentials"

{"error":"invalid_client","error_description":"unknown client or wrong credentials","error_code":400005,"error_message":"invalid client"}`

const REVOKE = `
POST /v1/oauth/revoke HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/x-www-form-urlencoded

client_id=ds-client-01&client_secret=ds-secret-01&token=dsRT0001&token_type_hint=refresh_token`

const REVOKE_AS_JSON = `
POST /v1/oauth/revoke HTTP/1.1
Host: api.dottedsign.example
Content-Type: application/json

{"client_id":"ds-client-01","client_secret":"ds-secret-01","token":"dsRT0001"}`

const REVOKED = `
HTTP/1.1 200 OK
Content-Type: application/json; charset=utf-8
Cache-Control: max-age=0, private, must-revalidate

{}`

const NOT_AUTHORIZED_TO_REVOKE = `
HTTP/1.1 403 Forbidden
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache

{"error":"unauthorized_client","error_description":"You are not authorized to revoke this token"}`

const INVALID_PARAMS = `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=utf-8

{"error_code":400417,"error_key":"invalid_params","error_message":"invalid params"}`

const INVALID_ACTION = `
HTTP/1.1 403 Forbidden
Content-Type: application/json; charset=utf-8

{"error_code":403002,"error_key":"invalid_action","error_message":"not allow for this action"}`

let simulator: DottedSignSimulator | undefined
afterEach(() => simulator?.close())

interface Clocked {
  readonly dottedSign: DottedSignSimulator
  readonly url: string
  readonly clock: { ms: number }
}

/** At the time of the transcripts, and with their values. */
async function start(switches: DottedSignOptions['switches'] = {}, options: DottedSignOptions = {}): Promise<Clocked> {
  const clock = { ms: 1_735_689_600_000 }
  const dottedSign = await startDottedSign({
    now: () => clock.ms,
    nextToken: values({
      code: ['dsC0de1', 'dsC0de2'],
      access_token: ['dsAT0001', 'dsAT0002', 'dsAT0003'],
      refresh_token: ['dsRT0001', 'dsRT0002', 'dsRT0003'],
    }),
    switches: { consent: 'auto', ...switches },
    ...options,
  })
  simulator = dottedSign
  return { dottedSign, url: dottedSign.url, clock }
}

/** Up to the first pair of tokens. */
async function signIn(switches: DottedSignOptions['switches'] = {}): Promise<Clocked> {
  const started = await start(switches)
  await send(started.url, AUTHORIZE)
  expectAnswer(await send(started.url, EXCHANGE), TOKENS)
  return started
}

function membersOf({ body }: WireAnswer): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>
}

function expectError(answer: WireAnswer, error: string, description: string, code?: number): void {
  expect(statusOf(answer)).toBe(400)
  expect(header(answer, 'www-authenticate')).toBe(
    `Bearer realm="Doorkeeper", error="${error}", error_description="${description}"`,
  )
  expect(membersOf(answer)).toMatchObject({ error, error_description: description })
  expect(membersOf(answer)['error_code']).toBe(code)
}

describe('1. authorize', () => {
  test('sends the browser back with a code', async () => {
    const { url } = await start()

    expectAnswer(
      await send(url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/dottedsign/callback?code=dsC0de1&state=ZHMtc3RhdGU`,
    )
  })

  test('sends the browser back with access_denied', async () => {
    const { url } = await start({ consent: 'deny' })

    expectAnswer(
      await send(url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/dottedsign/callback?error=access_denied&error_description=denied&state=ZHMtc3RhdGU`,
    )
  })

  test('asks the user', async () => {
    const { url } = await start({ consent: 'ask' })

    expect((await send(url, AUTHORIZE)).body).toContain('<title>Sign in - simulated DottedSign</title>')
  })

  const mistakes = [
    ['response_type=code', 'response_type=token', 'unsupported_response_type', 'does not support this response type.'],
    ['response_type=code', 'response_type=', 'invalid_request', 'Missing required parameter: response_type.'],
    ['sign_tasks.general.write', 'embedded_signing', 'invalid_scope', 'scope is invalid, unknown, or malformed.'],
  ] as const

  test.each([
    ['ds-client-01', 'ds-client-02', 'invalid_client', 'Client authentication failed due to unknown client.'],
    ['callback', 'callback%2F', 'invalid_redirect_uri', 'The requested redirect uri is malformed'],
    ...mistakes,
  ])('shows a page, with status 200, when %s is changed to %s', async (right, wrong, error, description) => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace(right, wrong))

    expect(statusOf(answer)).toBe(200)
    expect(header(answer, 'content-type')).toBe('text/html; charset=utf-8')
    expect(header(answer, 'location')).toBeUndefined()
    expect(answer.body).toContain(error)
    expect(answer.body).toContain(description)
  })

  test.each(mistakes)(
    'authorizationErrors redirect: answers %s changed to %s with %s',
    async (right, wrong, error, description) => {
      const { url } = await start({ authorizationErrors: 'redirect' })

      const location = new URL(header(await send(url, AUTHORIZE.replace(right, wrong)), 'location') ?? '')

      expect(location.searchParams.get('error')).toBe(error)
      expect(location.searchParams.get('error_description')).toContain(description)
      expect(location.searchParams.get('state')).toBe('ZHMtc3RhdGU')
    },
  )

  test('may have a slash at its end', async () => {
    const { url } = await start()

    expect(statusOf(await send(url, AUTHORIZE.replace('authorize?', 'authorize/?')))).toBe(302)
  })
})

describe('2. code exchange', () => {
  test.each([
    ['JSON', EXCHANGE],
    ['a form', EXCHANGE_AS_FORM],
  ])('as %s', async (_, exchange) => {
    const { url, dottedSign } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, exchange), TOKENS)
    expect(dottedSign.counters.codeRequests).toBe(1)
  })

  test('in the query', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    const inQuery = `
POST /v1/oauth/token?client_id=ds-client-01&client_secret=ds-secret-01&grant_type=authorization_code
    &code=dsC0de1&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fdottedsign%2Fcallback HTTP/1.1
Host: api.dottedsign.example
Content-Length: 0`
    expectAnswer(await send(url, inQuery), TOKENS)
  })

  test('the body goes before the query', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, EXCHANGE.replace('/token', '/token?code=nonsense')), TOKENS)
  })

  test('takes credentials as HTTP Basic, without decoding them', async () => {
    const client = { clientId: 'ds-client-01', clientSecret: 'a+b%20c' }
    const { url } = await start({}, { client })
    const withBasic = (credentials: string): string =>
      EXCHANGE.replace('"client_id":"ds-client-01","client_secret":"ds-secret-01",', '').replace(
        'Accept',
        `Authorization: Basic ${Buffer.from(credentials).toString('base64')}\nAccept`,
      )
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, withBasic('ds-client-01:a%2Bb%2520c')), INVALID_CLIENT)
    expect(statusOf(await send(url, withBasic('ds-client-01:a+b%20c')))).toBe(200)
  })

  test('works once', async () => {
    const { url } = await signIn()

    expectAnswer(await send(url, EXCHANGE), INVALID_GRANT)
  })

  test('works for ten minutes', async () => {
    const { url, clock } = await start()
    await send(url, AUTHORIZE)

    clock.ms += 600_000

    expectAnswer(await send(url, EXCHANGE), INVALID_GRANT)
  })

  test('has no scope when none was asked for', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace(/\n *&scope=[\w.%]+/, ''))

    expect((await send(url, EXCHANGE)).body).toBe(
      '{"access_token":"dsAT0001","token_type":"Bearer","expires_in":172800,' +
        '"refresh_token":"dsRT0001","created_at":1735689600}',
    )
  })

  test.each([
    ['another code', 'dsC0de1', 'dsC0de9'],
    ['another redirect URI', 'callback', 'callback/'],
  ])('fails with %s', async (_, right, wrong) => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, EXCHANGE.replace(right, wrong)), INVALID_GRANT)
    expectAnswer(await send(url, EXCHANGE), TOKENS)
  })
})

describe('app tokens', () => {
  const request = (scope: string): string =>
    EXCHANGE.replace(
      /{[^]*/,
      `{"client_id":"ds-client-01","client_secret":"ds-secret-01",
 "grant_type":"client_credentials","scope":"${scope}"}`,
    )

  test('act as the creator of the application, and cannot be refreshed', async () => {
    const { url } = await start()

    const tokens = membersOf(await send(url, request('sign_tasks.general.read')))

    expect(tokens).toMatchObject({ access_token: 'dsAT0001', scope: 'sign_tasks.general.read' })
    expect(tokens).not.toHaveProperty('refresh_token')
    expect(statusOf(await send(url, ME))).toBe(200)
  })

  test('fail with a scope that is not allowed', async () => {
    const { url } = await start()

    expectError(await send(url, request('everything')), 'invalid_scope', 'scope unknown or malformed', 400008)
  })
})

describe('3. refresh', () => {
  test.each([
    ['JSON', REFRESH],
    ['a form', REFRESH_AS_FORM],
  ])('as %s brings a new pair', async (_, refresh) => {
    const { url, clock } = await signIn()
    clock.ms += 172_800_000

    expectAnswer(await send(url, refresh), NEW_TOKENS)
  })

  test('the old pair works until the new access token is used once', async () => {
    const { url, dottedSign } = await signIn()
    await send(url, REFRESH)

    expect(statusOf(await send(url, LIST))).toBe(200)
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ access_token: 'dsAT0003', refresh_token: 'dsRT0003' })
    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0002')))).toBe(200)

    expect(header(await send(url, LIST), 'www-authenticate')).toContain('The access token was revoked')
    expectAnswer(await send(url, REFRESH), INVALID_GRANT)
    expect(statusOf(await send(url, REFRESH.replace('dsRT0001', 'dsRT0002')))).toBe(200)
    expect(dottedSign.counters).toMatchObject({ refreshRequests: 4, refreshes: 3, deadRefreshTokens: 1 })
  })

  test('the first use of a new access token ends the pair before it, and nothing beside it', async () => {
    const { url } = await signIn()
    await send(url, REFRESH)
    await send(url, REFRESH)

    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0003')))).toBe(200)

    expect(statusOf(await send(url, LIST))).toBe(401)
    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0002')))).toBe(200)
    expect(statusOf(await send(url, REFRESH.replace('dsRT0001', 'dsRT0002')))).toBe(200)
    expect(statusOf(await send(url, REFRESH.replace('dsRT0001', 'dsRT0003')))).toBe(200)
  })

  test('of a pair that was never used leaves the one before that alone', async () => {
    const { url } = await signIn()
    await send(url, REFRESH)
    await send(url, REFRESH.replace('dsRT0001', 'dsRT0002'))

    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0003')))).toBe(200)

    expect(statusOf(await send(url, LIST))).toBe(200)
    // Also a dead token is a first use.
    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0002')))).toBe(401)
    expect(statusOf(await send(url, LIST))).toBe(401)
  })

  test('several at once all bring a pair', async () => {
    const { url } = await signIn()

    const answers = await Promise.all(Array.from({ length: 4 }, () => send(url, REFRESH)))

    expect(answers.map(statusOf)).toEqual([200, 200, 200, 200])
    expect(new Set(answers.map((answer) => membersOf(answer)['access_token'])).size).toBe(4)
  })

  test('a wider scope is refused, a part of it is not', async () => {
    const { url } = await signIn()
    const withScope = (scope: string): string => REFRESH.replace('"dsRT0001"', `"dsRT0001","scope":"${scope}"`)

    const description = 'scope unknown or malformed'
    expectError(await send(url, withScope('files.general.read')), 'invalid_scope', description, 400008)
    expect(statusOf(await send(url, withScope('sign_tasks.general.read')))).toBe(200)
  })

  test('without any client it is the grant that is invalid', async () => {
    const { url } = await signIn()

    const answer = await send(url, REFRESH.replace('"client_id":"ds-client-01","client_secret":"ds-secret-01",', ''))

    expectAnswer(answer, INVALID_GRANT)
  })

  test('lazyRotation off: the old pair dies at once', async () => {
    const { url } = await signIn({ lazyRotation: false })
    await send(url, REFRESH)

    expect(statusOf(await send(url, LIST))).toBe(401)
    expectAnswer(await send(url, REFRESH), INVALID_GRANT)
  })
})

describe('4. API call', () => {
  test('with an expired token, variant A', async () => {
    const { url, clock } = await signIn()

    clock.ms += 172_800_000

    expectAnswer(await send(url, LIST), EXPIRED_A)
    expectAnswer(await send(url, ME), EXPIRED_A)
  })

  test('with an expired token, variant B', async () => {
    const { url, clock } = await signIn({ expiredStyle: 400003 })

    clock.ms += 172_800_000

    expectAnswer(await send(url, LIST), EXPIRED_B)
    expect(header(await send(url, LIST), 'www-authenticate')).toBeUndefined()
  })

  test('with an expired token, variant B with the other number', async () => {
    const { url, dottedSign } = await signIn({ expiredStyle: 400002 })

    dottedSign.expireAccessTokens()

    expectAnswer(
      await send(url, LIST),
      `
HTTP/1.1 400 Bad Request
Content-Type: application/json; charset=utf-8

{"error_code":400002,"error_key":"invalid_token","error_message":"invalid token"}`,
    )
  })

  test('with an expired token, and Doorkeeper itself answering', async () => {
    const { url, dottedSign } = await signIn({ expiredStyle: 'doorkeeper' })
    dottedSign.expireAccessTokens()

    expectAnswer(
      await send(url, LIST),
      `
HTTP/1.1 401 Unauthorized
Cache-Control: no-store
WWW-Authenticate: Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token expired"
Content-Type: text/html
Content-Length: 0`,
    )
  })

  test.each([401, 'doorkeeper'] as const)('expiredStyle %s: an unknown token and none are the same', async (style) => {
    const { url } = await start({ expiredStyle: style })
    const challenge =
      'Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token is invalid"'

    for (const request of [LIST, LIST.replace(/\nAuthorization.*/, '')]) {
      expect(header(await send(url, request), 'www-authenticate')).toBe(challenge)
    }
  })

  test('with the token in the query, unless acceptsTokenInQuery is off', async () => {
    const { url, dottedSign } = await signIn()
    const inQuery = ME.replace('members/me', 'members/me?access_token=dsAT0001').replace(/\nAuthorization.*/, '')

    expect(statusOf(await send(url, inQuery))).toBe(200)

    dottedSign.switches.acceptsTokenInQuery = false
    expect(statusOf(await send(url, inQuery))).toBe(401)
  })

  test.each([
    [401, 401001, 401001],
    [400003, 400003, 400002],
    [400002, 400002, 400002],
  ] as const)('expiredStyle %i: an unknown token and none', async (expiredStyle, unknown, missing) => {
    const { url } = await start({ expiredStyle })

    expect(membersOf(await send(url, LIST))['error_code']).toBe(unknown)
    expect(membersOf(await send(url, LIST.replace(/\nAuthorization.*/, '')))['error_code']).toBe(missing)
  })

  test('lists sign tasks, wrapped in data', async () => {
    const { url } = await signIn()

    expect(membersOf(await send(url, LIST.replace('page=1&per_page=10', 'page=2&per_page=2')))).toEqual({
      data: [{ task_id: 503, file_name: 'Order 1874.pdf', status: 'draft' }],
    })
  })

  test('says who the member is, wrapped in data', async () => {
    const { url } = await signIn()

    expect(membersOf(await send(url, ME))).toMatchObject({
      data: { id: 1001, name: 'Alice Liddell', email: 'alice@example.com' },
    })
  })

  test('200 at once', async () => {
    const { url, dottedSign } = await signIn()

    const answers = await Promise.all(Array.from({ length: 200 }, () => send(url, LIST)))

    expect(answers.map(statusOf)).toEqual(Array(200).fill(200))
    expect(dottedSign.counters.presentations.get('dsAT0001')).toBe(200)
  })
})

describe('5. token errors', () => {
  test.each([
    ['an unknown refresh token', REFRESH.replace('dsRT0001', 'dsRT0009')],
    ['an unknown refresh token and a wrong secret', REFRESH.replace('dsRT', 'x').replace('ds-secret', 'x')],
  ])('invalid_grant for %s', async (_, refresh) => {
    const { url } = await signIn()

    expectAnswer(await send(url, refresh), INVALID_GRANT)
  })

  test.each([
    ['code exchange', EXCHANGE],
    ['refresh', REFRESH],
  ])('invalid_client at the %s', async (_, request) => {
    const { url } = await signIn()

    expectAnswer(await send(url, request.replace('ds-secret-01', 'ds-secret-02')), INVALID_CLIENT)
    expectAnswer(await send(url, request.replace('ds-client-01', 'ds-client-02')), INVALID_CLIENT)
    expectAnswer(await send(url, request.replace('"client_secret":"ds-secret-01",', '')), INVALID_CLIENT)
  })

  test.each([
    ['grant_type', EXCHANGE],
    ['code', EXCHANGE],
    ['redirect_uri', EXCHANGE],
    ['refresh_token', REFRESH],
  ])('invalid_request without %s', async (name, request) => {
    const { url } = await signIn()

    const answer = await send(url, request.replace(`"${name}":`, '"x":'))

    expectError(answer, 'invalid_request', `Missing required parameter: ${name}.`, 400004)
  })

  test('unsupported_grant_type', async () => {
    const { url } = await start()

    const answer = await send(url, REFRESH.replace('"refresh_token"', '"password"'))

    expectError(answer, 'unsupported_grant_type', 'grant type not supported')
  })

  test('what is no JSON object has no parameters', async () => {
    const { url } = await start()

    for (const body of ['[1]', '"grant_type"', 'null']) {
      const answer = await send(url, EXCHANGE.replace(/{[^]*/, body))
      expectError(answer, 'invalid_request', 'Missing required parameter: grant_type.', 400004)
    }
  })

  test('what is no JSON at all is a bad request, and nothing is said about it', async () => {
    const { url } = await start()

    expectAnswer(
      await send(url, EXCHANGE.replace(/{[^]*/, '{"a":')),
      `
HTTP/1.1 400 Bad Request
Content-Type: text/html; charset=UTF-8
Content-Length: 0`,
    )
  })

  test('the token endpoint is for POST, with or without a slash at its end', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expect(statusOf(await send(url, EXCHANGE.replace('POST', 'GET')))).toBe(404)
    expectAnswer(await send(url, EXCHANGE.replace('/token', '/token/')), TOKENS)
  })
})

describe('revocation', () => {
  test.each([
    ['a form', REVOKE],
    ['JSON', REVOKE_AS_JSON],
  ])('as %s ends the whole pair, and can be repeated', async (_, revoke) => {
    const { url } = await signIn()

    expectAnswer(await send(url, revoke), REVOKED)
    expect(header(await send(url, LIST), 'www-authenticate')).toContain('The access token was revoked')
    expectAnswer(await send(url, REFRESH), INVALID_GRANT)
    expectAnswer(await send(url, revoke), REVOKED)
  })

  test('of the access token ends the refresh token too', async () => {
    const { url } = await signIn()

    expectAnswer(await send(url, REVOKE.replace('dsRT0001', 'dsAT0001')), REVOKED)
    expect(statusOf(await send(url, LIST))).toBe(401)
    expectAnswer(await send(url, REFRESH), INVALID_GRANT)
  })

  test('leaves other pairs of the same sign-in', async () => {
    const { url } = await signIn()
    await send(url, REFRESH)

    expectAnswer(await send(url, REVOKE), REVOKED)
    expect(statusOf(await send(url, LIST.replace('dsAT0001', 'dsAT0002')))).toBe(200)
  })

  test('is refused to another client, without a challenge', async () => {
    const { url } = await signIn()

    for (const revoke of [REVOKE.replace('ds-secret-01', 'x'), REVOKE.replace(/client_id.*secret-01&/, '')]) {
      const answer = await send(url, revoke)
      expectAnswer(answer, NOT_AUTHORIZED_TO_REVOKE)
      expect(header(answer, 'www-authenticate')).toBeUndefined()
    }
    expect(statusOf(await send(url, LIST))).toBe(200)
  })

  test('of what it does not know is a success, whoever asks', async () => {
    const { url } = await start()

    expectAnswer(await send(url, REVOKE), REVOKED)
    expectAnswer(await send(url, REVOKE.replace('ds-secret-01', 'x')), REVOKED)
  })

  test('does nothing once the access token has expired, and calls it a success', async () => {
    const { url, clock } = await signIn()
    clock.ms += 172_800_000

    expectAnswer(await send(url, REVOKE), REVOKED)
    expectAnswer(await send(url, REFRESH), NEW_TOKENS)
  })

  test('revokesExpired: ends the refresh token also then', async () => {
    const { url, clock } = await signIn({ revokesExpired: true })
    clock.ms += 172_800_000

    expectAnswer(await send(url, REVOKE), REVOKED)
    expectAnswer(await send(url, REFRESH), INVALID_GRANT)
  })
})

describe('6. other API answers', () => {
  test('400417 for parameters that make no sense', async () => {
    const { url } = await signIn()

    expectAnswer(await send(url, LIST.replace('page=1&', 'page=-1&')), INVALID_PARAMS)
  })

  test('403002 for a token without the scope', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace('sign_tasks.general.read%20', ''))
    await send(url, EXCHANGE)

    expectAnswer(await send(url, LIST), INVALID_ACTION)
  })

  test.each([
    [400417, INVALID_PARAMS],
    [403002, INVALID_ACTION],
    [
      406,
      'HTTP/1.1 406 Not Acceptable\n\n{"error_code":406001,"error_key":"invalid_resource","error_message":"invalid resource"}',
    ],
    [
      429,
      'HTTP/1.1 429 Too Many Requests\n\n{"error_code":429001,"error_key":"too_many_requests","error_message":"too many requests"}',
    ],
  ] as const)('apiError %i: every call with a good token is answered so', async (apiError, answer) => {
    const { url, dottedSign } = await signIn({ apiError })

    expectAnswer(await send(url, LIST), answer)
    expectAnswer(await send(url, ME), answer)
    dottedSign.expireAccessTokens()
    expectAnswer(await send(url, LIST), EXPIRED_A)
  })
})

describe('faults', () => {
  test('a refresh whose answer was lost can be repeated', async () => {
    const { url, dottedSign } = await signIn()
    dottedSign.faults.token.dropAnswers = 1

    await expect(send(url, REFRESH)).rejects.toThrow('cut')

    expect(statusOf(await send(url, LIST))).toBe(200)
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ access_token: 'dsAT0003' })
  })

  test.each([
    ['token', REFRESH],
    ['api', LIST],
    ['api', ME],
  ] as const)('of %s are those of %s', async (kind, request) => {
    const { url, dottedSign } = await start()
    dottedSign.faults[kind].failAnswers = 1

    expect(statusOf(await send(url, AUTHORIZE))).toBe(302)
    expect(statusOf(await send(url, request))).toBe(500)
  })
})

describe('switches', () => {
  test('bodyEncoding json: a form is not read', async () => {
    const { url } = await start({ bodyEncoding: 'json' })
    await send(url, AUTHORIZE)

    const answer = await send(url, EXCHANGE_AS_FORM)

    expectError(answer, 'invalid_request', 'Missing required parameter: grant_type.', 400004)
    expectAnswer(await send(url, EXCHANGE), TOKENS)
  })

  test('bodyEncoding form: JSON is not read', async () => {
    const { url } = await start({ bodyEncoding: 'form' })
    await send(url, AUTHORIZE)

    const answer = await send(url, EXCHANGE)

    expectError(answer, 'invalid_request', 'Missing required parameter: grant_type.', 400004)
    expectAnswer(await send(url, EXCHANGE_AS_FORM), TOKENS)
  })

  test('echoState off: the state does not come back, neither with a code nor with an error', async () => {
    const { url, dottedSign } = await start({ echoState: false })

    const allowed = await send(url, AUTHORIZE)
    dottedSign.switches.consent = 'deny'
    const denied = await send(url, AUTHORIZE)

    const callback = 'https://app.example/auth/dottedsign/callback'
    expect(header(allowed, 'location')).toBe(`${callback}?code=dsC0de1`)
    expect(header(denied, 'location')).toBe(`${callback}?error=access_denied&error_description=denied`)
  })

  const withVerifier = (verifier: string): string =>
    EXCHANGE.replace('"code":', `"code_verifier":"${verifier}","code":`)

  test('pkce ignore: challenge and verifier are not looked at', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, withVerifier(OTHER_VERIFIER)), TOKENS)
  })

  test('pkce enforce: the verifier must match', async () => {
    const { url } = await start({ pkce: 'enforce' })
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, withVerifier(OTHER_VERIFIER)), INVALID_GRANT)
    const missing = 'Missing required parameter: code_verifier.'
    expectError(await send(url, EXCHANGE), 'invalid_request', missing, 400004)
    expectAnswer(await send(url, withVerifier(VERIFIER)), TOKENS)
  })

  test('pkce enforce: a challenge is required', async () => {
    const { url } = await start({ pkce: 'enforce' })

    const answers = [
      await send(url, AUTHORIZE.replace(PKCE, '')),
      await send(url, AUTHORIZE.replace('method=S256', 'method=plain')),
    ]

    for (const answer of answers) {
      expect(header(answer, 'location')).toBeUndefined()
      expect(answer.body).toContain('code_challenge is missing or not S256')
    }
  })

  test('pkce reject: a challenge and a verifier are refused', async () => {
    const { url } = await start({ pkce: 'reject' })

    const refused = await send(url, AUTHORIZE)
    await send(url, AUTHORIZE.replace(PKCE, ''))

    expect(header(refused, 'location')).toBeUndefined()
    expect(refused.body).toContain('code_challenge is not known')
    const unknown = 'code_verifier is not known'
    expectError(await send(url, withVerifier(VERIFIER)), 'invalid_request', unknown, 400004)
    expectAnswer(await send(url, EXCHANGE), TOKENS)
  })

  test('challengeHeader off: errors have a body alone', async () => {
    const { url, dottedSign } = await signIn({ challengeHeader: false })
    dottedSign.expireAccessTokens()

    const answers = [
      await send(url, LIST),
      await send(url, REFRESH.replace('dsRT0001', 'dsRT0009')),
      await send(url, REFRESH.replace('ds-secret-01', 'ds-secret-02')),
    ]

    expect(answers.map(statusOf)).toEqual([401, 400, 401])
    expect(answers.map((answer) => header(answer, 'www-authenticate'))).toEqual([undefined, undefined, undefined])
    expect(answers.map((answer) => membersOf(answer)['error_code'])).toEqual([401001, 401001, 400005])
  })

  test('the lifetime is a setting of the application', async () => {
    const { url, dottedSign, clock } = await start({}, { lifetimes: { accessTokenSeconds: 60 } })
    await send(url, AUTHORIZE)
    expect(membersOf(await send(url, EXCHANGE))).toMatchObject({ expires_in: 60 })

    clock.ms += 60_000

    expect(statusOf(await send(url, LIST))).toBe(401)
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ expires_in: 60 })
    dottedSign.lifetimes.accessTokenSeconds = 120
    dottedSign.expireAccessTokens()
    // A refreshed token lives as long as the one of the sign-in did.
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ expires_in: 60 })
    await send(url, AUTHORIZE)
    expect(membersOf(await send(url, EXCHANGE.replace('dsC0de1', 'dsC0de2')))).toMatchObject({ expires_in: 120 })
  })

  test('scopeInResponse off: no scope in token responses', async () => {
    const { url } = await start({ scopeInResponse: false })
    await send(url, AUTHORIZE)

    expect(membersOf(await send(url, EXCHANGE))).not.toHaveProperty('scope')
    expect(membersOf(await send(url, REFRESH))).not.toHaveProperty('scope')
  })
})
