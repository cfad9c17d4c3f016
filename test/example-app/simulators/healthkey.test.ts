import { afterEach, describe, expect, test } from '@jest/globals'

import {
  startHealthKey,
  type HealthKeyOptions,
  type HealthKeySimulator,
} from '../../../example-app/simulators/healthkey.ts'
import { expectAnswer, header, send, statusOf, values, type WireAnswer } from './wire.ts'

const CALLBACK = 'https%3A%2F%2Fapp.example%2Fauth%2Fhealthkey%2Fcallback'
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const OTHER_VERIFIER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'

const CODE = '7Qm2xV9cKd'
const ACCESS_TOKEN = 'a11ce0000000000000000000000000000000000000000000000000000000c0de'
const REFRESH_TOKEN = 'b0b00000000000000000000000000000000000000000000000000000000f00d5'
const NEW_ACCESS_TOKEN = 'a11ce1111111111111111111111111111111111111111111111111111111c0de'
const NEW_REFRESH_TOKEN = 'b0b11111111111111111111111111111111111111111111111111111111f00d5'

const AUTHORIZE = `
GET /o/authorize/?response_type=code
    &client_id=hk-client-01
    &redirect_uri=${CALLBACK}
    &scope=profile%20payment
    &state=Zm9vYmFyLXN0YXRl
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: auth.healthkey.example`

const EXCHANGE_IN_QUERY = `
POST /o/token/?code=${CODE}
    &grant_type=authorization_code
    &client_id=hk-client-01
    &client_secret=hk-secret-01
    &redirect_uri=${CALLBACK}
    &code_verifier=${VERIFIER} HTTP/1.1
Host: auth.healthkey.example
Accept: application/json
Content-Length: 0`

const EXCHANGE_IN_BODY = `
POST /o/token/ HTTP/1.1
Host: auth.healthkey.example
Accept: application/json
Content-Type: application/x-www-form-urlencoded

grant_type=authorization_code&code=${CODE}&client_id=hk-client-01
&client_secret=hk-secret-01
&redirect_uri=${CALLBACK}
&code_verifier=${VERIFIER}`

const REFRESH_IN_QUERY = `
POST /o/token/?client_id=hk-client-01
    &refresh_token=${REFRESH_TOKEN}
    &grant_type=refresh_token
    &redirect_uri=${CALLBACK}
    &code_verifier=${VERIFIER} HTTP/1.1
Host: auth.healthkey.example`

const REFRESH_IN_BODY = `
POST /o/token/ HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded

client_id=hk-client-01
&refresh_token=${REFRESH_TOKEN}
&grant_type=refresh_token
&redirect_uri=${CALLBACK}
&code_verifier=${VERIFIER}`

const TRANSACTION = `
POST /api/v1/transactions HTTP/1.1
Host: api.healthkey.example
Authorization: Bearer ${ACCESS_TOKEN}
Content-Type: application/json

{"products":[]}`

const TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json
Cache-Control: no-store
Pragma: no-cache

{"access_token":"${ACCESS_TOKEN}",
 "token_type":"bearer","expires_in":36000,
 "refresh_token":"${REFRESH_TOKEN}",
 "created_at":1735689600}`

const NEW_TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json

{"access_token":"${NEW_ACCESS_TOKEN}",
 "token_type":"bearer","expires_in":36000,
 "refresh_token":"${NEW_REFRESH_TOKEN}",
 "created_at":1735725700}`

const INVALID_GRANT = `
HTTP/1.1 400 Bad Request
Content-Type: application/json
Cache-Control: no-store
Pragma: no-cache

{"error":"invalid_grant"}`

const QUERY_REFUSED = '{"error":"invalid_request","error_description":"URL query parameters are not allowed"}'

const SERVER_ERROR = `
<!doctype html>
<html lang="en">
<head>
  <title>Server Error (500)</title>
</head>
<body>
  <h1>Server Error (500)</h1><p></p>
</body>
</html>
`

const REVOKE = `
POST /o/revoke_token/ HTTP/1.1
Host: auth.healthkey.example
Content-Type: application/x-www-form-urlencoded

token=${REFRESH_TOKEN}&client_id=hk-client-01&client_secret=hk-secret-01`

const REVOKED = `
HTTP/1.1 200 OK
Content-Type: text/html; charset=utf-8
Content-Length: 0`

const INVALID_CLIENT = `
HTTP/1.1 401 Unauthorized
Content-Type: application/json
WWW-Authenticate: Bearer error="invalid_client"

{"error":"invalid_client"}`

let simulator: HealthKeySimulator | undefined
afterEach(() => simulator?.close())

/** At the time of the transcripts, and with their values. */
async function start(switches: HealthKeyOptions['switches'] = {}, options: HealthKeyOptions = {}): Promise<Clocked> {
  const clock = { ms: 1_735_689_600_000 }
  simulator = await startHealthKey({
    now: () => clock.ms,
    nextToken: values({
      code: [CODE],
      access_token: [ACCESS_TOKEN, NEW_ACCESS_TOKEN],
      refresh_token: [REFRESH_TOKEN, NEW_REFRESH_TOKEN],
    }),
    switches: { consent: 'auto', ...switches },
    ...options,
  })
  return { healthKey: simulator, clock }
}

interface Clocked {
  readonly healthKey: HealthKeySimulator
  readonly clock: { ms: number }
}

/** Up to the first pair of tokens. */
async function signIn({ url, switches }: HealthKeySimulator): Promise<WireAnswer> {
  await send(url, AUTHORIZE)
  return send(url, switches.placement === 'query' ? EXCHANGE_IN_QUERY : EXCHANGE_IN_BODY)
}

function expectError(answer: WireAnswer, error: string, description?: string): void {
  expect(statusOf(answer)).toBe(400)
  expect(JSON.parse(answer.body)).toEqual(
    description === undefined ? { error } : { error, error_description: description },
  )
  expect(header(answer, 'www-authenticate')).toBeUndefined()
}

describe('1. authorize', () => {
  test('sends the browser back with a code', async () => {
    const { healthKey } = await start()

    expectAnswer(
      await send(healthKey.url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/healthkey/callback?code=7Qm2xV9cKd&state=Zm9vYmFyLXN0YXRl`,
    )
  })

  test('sends the browser back with access_denied', async () => {
    const { healthKey } = await start({ consent: 'deny' })

    expectAnswer(
      await send(healthKey.url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/healthkey/callback?error=access_denied&state=Zm9vYmFyLXN0YXRl`,
    )
  })

  test.each([
    ['an unknown client', 'hk-client-01', 'hk-client-02'],
    ['another redirect URI', 'callback', 'callback%2F'],
    ['another spelling of the redirect URI', 'app.example', 'APP.example'],
  ])('shows a page to %s', async (_, right, wrong) => {
    const { healthKey } = await start()

    const answer = await send(healthKey.url, AUTHORIZE.replace(right, wrong))

    expect(statusOf(answer)).toBe(400)
    expect(header(answer, 'location')).toBeUndefined()
    expect(header(answer, 'content-type')).toBe('text/html; charset=utf-8')
  })

  test.each([
    ['response_type=code', 'response_type=token', 'error=unsupported_response_type'],
    ['scope=profile%20payment', 'scope=openid', 'error=invalid_scope'],
    ['GJSstw-cM', 'GJSstw-cM%3D', 'error=invalid_request&error_description=Transform%20algorithm%20not%20supported.'],
    [
      '&code_challenge_method=S256',
      '',
      'error=invalid_request&error_description=Transform%20algorithm%20not%20supported.',
    ],
  ])('answers %s changed to "%s" with %s', async (right, wrong, error) => {
    const { healthKey } = await start()

    const answer = await send(healthKey.url, AUTHORIZE.replace(right, wrong).replace(/\n *(?= HTTP)/, ''))

    expect(header(answer, 'location')).toBe(
      `https://app.example/auth/healthkey/callback?${error}&state=Zm9vYmFyLXN0YXRl`,
    )
  })
})

describe('2a. code exchange, documented placement', () => {
  test.each(['query', 'either'] as const)('%s: gives the tokens of the transcript', async (placement) => {
    const { healthKey } = await start({ placement })
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_QUERY), TOKENS)
  })

  test.each([
    ['json-as-html', 'HTTP/1.1 400 Bad Request', 'text/html; charset=utf-8', undefined, QUERY_REFUSED],
    ['json', 'HTTP/1.1 400 Bad Request', 'application/json', 'no-store', QUERY_REFUSED],
    ['server-error', 'HTTP/1.1 500 Internal Server Error', 'text/html', undefined, SERVER_ERROR],
  ] as const)(
    'body, %s: is refused, wherever else they stand',
    async (queryRefusal, line, type, cacheControl, body) => {
      const { healthKey } = await start({ placement: 'body', queryRefusal })
      await send(healthKey.url, AUTHORIZE)
      const inBoth = EXCHANGE_IN_BODY.replace('/o/token/', '/o/token/?grant_type=authorization_code')

      for (const request of [EXCHANGE_IN_QUERY, inBoth, REFRESH_IN_QUERY]) {
        const answer = await send(healthKey.url, request)
        expect(answer).toMatchObject({ statusLine: line, body })
        expect(header(answer, 'content-type')).toBe(type)
        expect(header(answer, 'cache-control')).toBe(cacheControl)
      }
      expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), TOKENS)
    },
  )

  test('body: it is the JSON that is labelled as HTML, unless a test says otherwise', async () => {
    const { healthKey } = await start()

    expectAnswer(
      await send(healthKey.url, EXCHANGE_IN_QUERY),
      `
HTTP/1.1 400 Bad Request
Content-Type: text/html; charset=utf-8

${QUERY_REFUSED}`,
    )
  })
})

describe('2b. code exchange, standard placement', () => {
  test.each(['body', 'either'] as const)('%s: gives the tokens of the transcript', async (placement) => {
    const { healthKey } = await start({ placement })
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), TOKENS)
  })

  test('query: sees no parameters', async () => {
    const { healthKey } = await start({ placement: 'query' })
    await send(healthKey.url, AUTHORIZE)

    expectError(await send(healthKey.url, EXCHANGE_IN_BODY), 'unsupported_grant_type')
  })

  test('a body that is not labelled as a form has no parameters', async () => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    const answer = await send(healthKey.url, EXCHANGE_IN_BODY.replace('x-www-form-urlencoded', 'json'))

    expectError(answer, 'unsupported_grant_type')
  })

  test('JSON is not read', async () => {
    const { healthKey } = await start()
    const json = EXCHANGE_IN_BODY.replace('x-www-form-urlencoded', 'json').replace(
      /grant_type[^]*/,
      `{"grant_type":"authorization_code","code":"${CODE}","client_id":"hk-client-01","client_secret":"hk-secret-01"}`,
    )

    expectError(await send(healthKey.url, json), 'unsupported_grant_type')
  })

  test('Basic is understood, and decoded', async () => {
    const { healthKey } = await start({}, { client: { clientSecret: 'p:ss word' } })
    await send(healthKey.url, AUTHORIZE)
    const basic = Buffer.from('hk%2Dclient%2D01:p%3Ass+word').toString('base64')

    const answer = await send(
      healthKey.url,
      EXCHANGE_IN_BODY.replace('&client_id=hk-client-01\n&client_secret=hk-secret-01', '').replace(
        'Accept:',
        `Authorization: Basic ${basic}\nAccept:`,
      ),
    )

    expect(statusOf(answer)).toBe(200)
  })
})

describe('3. token response', () => {
  test('toolkit: has a scope and no created_at', async () => {
    const { healthKey } = await start(
      { responseShape: 'toolkit' },
      {
        nextToken: values({
          code: [CODE],
          access_token: ['k3JmQ0dLxw8ZrT1uVnYb5sHaEoPc2f'],
          refresh_token: ['Tt9uWq4RzXy7LmNb2VcSd6PfGh8Jk0'],
        }),
      },
    )

    expect((await signIn(healthKey)).body).toBe(
      '{"access_token":"k3JmQ0dLxw8ZrT1uVnYb5sHaEoPc2f","expires_in":36000,"token_type":"Bearer","scope":"profile payment","refresh_token":"Tt9uWq4RzXy7LmNb2VcSd6PfGh8Jk0"}',
    )
  })
})

describe('4. refresh', () => {
  test.each([
    ['query', REFRESH_IN_QUERY],
    ['body', REFRESH_IN_BODY],
    ['either', REFRESH_IN_QUERY],
    ['either', REFRESH_IN_BODY],
  ] as const)('%s: gives a new pair, and both old tokens are dead', async (placement, refresh) => {
    const { healthKey, clock } = await start({ placement })
    await signIn(healthKey)
    clock.ms = 1_735_725_700_000

    expectAnswer(await send(healthKey.url, refresh), NEW_TOKENS)

    expectAnswer(await send(healthKey.url, refresh), INVALID_GRANT)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(401)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION.replace(ACCESS_TOKEN, NEW_ACCESS_TOKEN)))).toBe(200)
  })

  test('kills an access token that has not expired', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(200)

    await send(healthKey.url, REFRESH_IN_BODY)

    const answer = await send(healthKey.apiUrl, TRANSACTION)
    expect(statusOf(answer)).toBe(401)
    expect(header(answer, 'www-authenticate')).toBe(
      'Bearer realm="api",error="invalid_token",error_description="The access token is invalid."',
    )
  })

  test('works months after the sign-in', async () => {
    const { healthKey, clock } = await start()
    await signIn(healthKey)
    clock.ms += 200 * 24 * 3_600_000

    expect(statusOf(await send(healthKey.url, REFRESH_IN_BODY))).toBe(200)
  })

  test('needs the redirect URI of the sign-in', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const missing = REFRESH_IN_BODY.replace(`&redirect_uri=${CALLBACK}`, '')
    expectError(await send(healthKey.url, missing), 'invalid_request', 'Missing redirect_uri parameter.')
    expectAnswer(await send(healthKey.url, REFRESH_IN_BODY.replace('callback', 'callback%2F')), INVALID_GRANT)

    healthKey.switches.refreshNeedsRedirectUri = false
    expect(statusOf(await send(healthKey.url, missing))).toBe(200)
  })

  test('needs the verifier of the sign-in', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const missing = REFRESH_IN_BODY.replace(`&code_verifier=${VERIFIER}`, '')
    expectError(await send(healthKey.url, missing), 'invalid_request', 'Code verifier required.')
    expectAnswer(await send(healthKey.url, REFRESH_IN_BODY.replace(VERIFIER, OTHER_VERIFIER)), INVALID_GRANT)

    healthKey.switches.refreshNeedsVerifier = false
    expect(statusOf(await send(healthKey.url, missing))).toBe(200)
  })

  test('neither is looked at where it is not needed', async () => {
    const { healthKey } = await start({ refreshNeedsRedirectUri: false, refreshNeedsVerifier: false })
    await signIn(healthKey)
    const wrong = REFRESH_IN_BODY.replace('callback', 'callbackx').replace(VERIFIER, OTHER_VERIFIER)

    expect(statusOf(await send(healthKey.url, wrong))).toBe(200)
  })

  test('of several at once one gets tokens, and the others an invalid grant', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const answers = await Promise.all(Array.from({ length: 4 }, () => send(healthKey.url, REFRESH_IN_BODY)))

    expect(answers.map(statusOf).toSorted((a, b) => a - b)).toEqual([200, 400, 400, 400])
    for (const answer of answers.filter((candidate) => statusOf(candidate) === 400)) expectAnswer(answer, INVALID_GRANT)
  })

  test('a spent refresh token does no harm to its successors', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)
    await send(healthKey.url, REFRESH_IN_BODY)

    expectAnswer(await send(healthKey.url, REFRESH_IN_BODY), INVALID_GRANT)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION.replace(ACCESS_TOKEN, NEW_ACCESS_TOKEN)))).toBe(200)
    const next = REFRESH_IN_BODY.replace(REFRESH_TOKEN, NEW_REFRESH_TOKEN)
    expect(statusOf(await send(healthKey.url, next))).toBe(200)
  })

  test('cannot widen the scope', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const answer = await send(healthKey.url, `${REFRESH_IN_BODY}&scope=profile+payment+address`)

    expectError(answer, 'invalid_scope')
  })

  test('refreshNeedsSecret: needs the secret of a confidential client', async () => {
    const { healthKey } = await start({ refreshNeedsSecret: true })
    await signIn(healthKey)

    expectAnswer(await send(healthKey.url, REFRESH_IN_BODY), INVALID_CLIENT)
    const complete = REFRESH_IN_BODY.replace('hk-client-01', 'hk-client-01&client_secret=hk-secret-01')
    expect(statusOf(await send(healthKey.url, complete))).toBe(200)
  })

  test('a wrong secret is wrong also where none is needed', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const wrong = REFRESH_IN_BODY.replace('hk-client-01', 'hk-client-01&client_secret=nonsense')
    expectAnswer(await send(healthKey.url, wrong), INVALID_CLIENT)
    expect(statusOf(await send(healthKey.url, REFRESH_IN_BODY))).toBe(200)
  })
})

describe('5. API call', () => {
  test('says that the token has expired', async () => {
    const { healthKey, clock } = await start()
    await signIn(healthKey)
    clock.ms += 36_000_000

    expectAnswer(
      await send(healthKey.apiUrl, TRANSACTION),
      `
HTTP/1.1 401 Unauthorized
Content-Type: application/json
WWW-Authenticate: Bearer realm="api",error="invalid_token",error_description="The access token has expired."

{"detail":"Authentication credentials were not provided."}`,
    )
  })

  test('without a token, the challenge has no error', async () => {
    const { healthKey } = await start()

    const answer = await send(healthKey.apiUrl, TRANSACTION.replace(/Authorization: .*\n/, ''))

    expect(statusOf(answer)).toBe(401)
    expect(header(answer, 'www-authenticate')).toBe('Bearer realm="api"')
  })

  test.each(['an expired token', 'an unknown token', 'no token'])(
    'expiredStyle 403: %s is refused without a word',
    async (what) => {
      const { healthKey } = await start({ expiredStyle: 403 })
      await signIn(healthKey)
      expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(200)
      healthKey.expireAccessTokens()
      const requests: Readonly<Record<string, string>> = {
        'an expired token': TRANSACTION,
        'an unknown token': TRANSACTION.replace(ACCESS_TOKEN, 'nonsense'),
        'no token': TRANSACTION.replace(/Authorization: .*\n/, ''),
      }

      const answer = await send(healthKey.apiUrl, requests[what] ?? '')

      expectAnswer(
        answer,
        `
HTTP/1.1 403 Forbidden
Content-Type: text/html; charset=utf-8
Content-Length: 0`,
      )
      expect(header(answer, 'www-authenticate')).toBeUndefined()
    },
  )

  test('the token may come in the query, unless acceptsTokenInQuery is off', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)
    const inQuery = TRANSACTION.replace(/Authorization: .*\n/, '').replace(
      '/transactions',
      `/transactions?access_token=${ACCESS_TOKEN}`,
    )

    expect(statusOf(await send(healthKey.apiUrl, inQuery))).toBe(200)
    // A header goes before it, right or wrong.
    expect(
      statusOf(
        await send(healthKey.apiUrl, inQuery.replace('\nContent-Type', '\nAuthorization: Bearer x\nContent-Type')),
      ),
    ).toBe(401)

    healthKey.switches.acceptsTokenInQuery = false
    expect(header(await send(healthKey.apiUrl, inQuery), 'www-authenticate')).toBe('Bearer realm="api"')
  })

  test('tells who the user is', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const answer = await send(
      healthKey.apiUrl,
      `GET /api/v1/profile HTTP/1.1\nHost: api.healthkey.example\nAuthorization: Bearer ${ACCESS_TOKEN}`,
    )

    expect(JSON.parse(answer.body)).toEqual({ id: 'alice', name: 'Alice Liddell', email: 'alice@example.com' })
  })

  test('is refused with 403 when the scope is missing', async () => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE.replace('%20payment', ''))
    await send(healthKey.url, EXCHANGE_IN_BODY)

    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(403)
  })

  test('is not answered by the authorization server', async () => {
    const { healthKey } = await start()

    expect(healthKey.apiUrl).not.toBe(healthKey.url)
    expect(statusOf(await send(healthKey.url, TRANSACTION))).toBe(404)
  })

  test('answers 200 at once', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const answers = await Promise.all(Array.from({ length: 200 }, () => send(healthKey.apiUrl, TRANSACTION)))

    expect(new Set(answers.map(statusOf))).toEqual(new Set([200]))
    expect(healthKey.counters.presentations.get(ACCESS_TOKEN)).toBe(200)
  })
})

describe('6. error cases', () => {
  test('a code works once', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    const answer = await send(healthKey.url, EXCHANGE_IN_BODY)

    expectAnswer(answer, INVALID_GRANT)
    expect(header(answer, 'www-authenticate')).toBeUndefined()
  })

  test('a code expires after a minute', async () => {
    const { healthKey, clock } = await start()
    await send(healthKey.url, AUTHORIZE)
    clock.ms += 60_000

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), INVALID_GRANT)
  })

  test.each([
    ['an unknown code', CODE, 'nonsense'],
    ['another verifier', VERIFIER, OTHER_VERIFIER],
  ])('%s is an invalid grant, and does not spend the code', async (_, right, wrong) => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY.replace(right, wrong)), INVALID_GRANT)
    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), TOKENS)
  })

  test('another redirect URI is an invalid request, and does not spend the code', async () => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    const answer = await send(healthKey.url, EXCHANGE_IN_BODY.replace('callback', 'callback%2F'))

    expectError(answer, 'invalid_request', 'Mismatching redirect URI.')
    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), TOKENS)
  })

  test('without a redirect URI, the one that is registered is meant', async () => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY.replace(`\n&redirect_uri=${CALLBACK}`, '')), TOKENS)
  })

  test.each([
    ['an unknown client', 'hk-client-01', 'hk-client-02'],
    ['a wrong secret', 'hk-secret-01', 'nonsense'],
    ['a missing secret', '&client_secret=hk-secret-01', ''],
  ])('%s is an invalid client', async (_, right, wrong) => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(
      await send(healthKey.url, EXCHANGE_IN_BODY.replace(right, wrong).replace(/\n\n(?=&)/, '\n')),
      INVALID_CLIENT,
    )
  })

  test.each([
    ['code_verifier', `&code_verifier=${VERIFIER}`, EXCHANGE_IN_BODY, 'Code verifier required.'],
    ['code', `&code=${CODE}`, EXCHANGE_IN_BODY, 'Missing code parameter.'],
    ['refresh_token', `&refresh_token=${REFRESH_TOKEN}`, REFRESH_IN_BODY, 'Missing refresh token parameter.'],
  ])('a missing %s is an invalid request', async (_, parameter, request, description) => {
    const { healthKey } = await start()
    await send(healthKey.url, AUTHORIZE)

    expectError(await send(healthKey.url, request.replace(parameter, '')), 'invalid_request', description)
  })

  test('another grant type is not supported', async () => {
    const { healthKey } = await start()

    const answer = await send(healthKey.url, REFRESH_IN_BODY.replace('grant_type=refresh_token', 'grant_type=password'))

    expectError(answer, 'unsupported_grant_type')
  })

  test('only POST is allowed', async () => {
    const { healthKey } = await start()

    const answer = await send(healthKey.url, 'GET /o/token/ HTTP/1.1\nHost: auth.healthkey.example')

    expect(statusOf(answer)).toBe(405)
    expect(header(answer, 'allow')).toBe('POST, OPTIONS')
  })
})

describe('switches', () => {
  test('public: the client needs no secret, and may not send one', async () => {
    const { healthKey } = await start({ clientType: 'public' })
    await send(healthKey.url, AUTHORIZE)

    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY), INVALID_CLIENT)
    const withoutSecret = EXCHANGE_IN_BODY.replace('\n&client_secret=hk-secret-01', '')
    expectAnswer(await send(healthKey.url, withoutSecret), TOKENS)
    expect(statusOf(await send(healthKey.url, REFRESH_IN_BODY))).toBe(200)
  })

  test('pkceRequired: without a challenge the browser comes back with an error', async () => {
    const { healthKey } = await start()
    const withoutChallenge = AUTHORIZE.replace(/ *&code_challenge=[^]*S256/, '').replace(/\n *(?= HTTP)/, '')

    expect(header(await send(healthKey.url, withoutChallenge), 'location')).toBe(
      'https://app.example/auth/healthkey/callback?error=invalid_request&error_description=Code%20challenge%20required.&state=Zm9vYmFyLXN0YXRl',
    )

    healthKey.switches.pkceRequired = false
    expect(header(await send(healthKey.url, withoutChallenge), 'location')).toContain(`?code=${CODE}&`)
    expectAnswer(await send(healthKey.url, EXCHANGE_IN_BODY.replace(`\n&code_verifier=${VERIFIER}`, '')), TOKENS)
  })

  test.each([
    ['GET', AUTHORIZE.replace('/o/authorize/', '/o/authorize'), '/o/authorize/?response_type=code'],
    ['POST', EXCHANGE_IN_BODY.replace('/o/token/', '/o/token'), '/o/token/'],
    ['POST with a query', EXCHANGE_IN_QUERY.replace('/o/token/', '/o/token'), '/o/token/?code='],
  ])('%s without the slash is sent to the path with it', async (_, request, location) => {
    const { healthKey } = await start({ placement: 'either' })
    await send(healthKey.url, AUTHORIZE)

    const answer = await send(healthKey.url, request)

    expect(answer.statusLine).toBe('HTTP/1.1 301 Moved Permanently')
    expect(header(answer, 'location')?.startsWith(location)).toBe(true)
    expect(healthKey.counters.codeRequests).toBe(0)
  })
})

describe('revocation', () => {
  test('of a refresh token takes its access token along, and can be repeated', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    expectAnswer(await send(healthKey.url, REVOKE), REVOKED)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(401)
    expectAnswer(await send(healthKey.url, REFRESH_IN_BODY), INVALID_GRANT)
    expectAnswer(await send(healthKey.url, REVOKE), REVOKED)
  })

  test('of an access token leaves the refresh token', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    expectAnswer(await send(healthKey.url, REVOKE.replace(REFRESH_TOKEN, ACCESS_TOKEN)), REVOKED)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(401)
    expect(statusOf(await send(healthKey.url, REFRESH_IN_BODY))).toBe(200)
  })

  test('of a spent refresh token does no harm to its successors', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)
    await send(healthKey.url, REFRESH_IN_BODY)

    expectAnswer(await send(healthKey.url, REVOKE), REVOKED)
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION.replace(ACCESS_TOKEN, NEW_ACCESS_TOKEN)))).toBe(200)
  })

  test('in the query is an invalid request', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)
    const inQuery = `
POST /o/revoke_token/?token=${REFRESH_TOKEN}&client_id=hk-client-01&client_secret=hk-secret-01 HTTP/1.1
Host: auth.healthkey.example`

    expectAnswer(
      await send(healthKey.url, inQuery),
      `
HTTP/1.1 400 Bad Request
Content-Type: application/json
Cache-Control: no-store
Pragma: no-cache

${QUERY_REFUSED}`,
    )
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(200)
  })

  test('needs the client and a token', async () => {
    const { healthKey } = await start()
    await signIn(healthKey)

    expectAnswer(await send(healthKey.url, REVOKE.replace('hk-secret-01', 'nonsense')), INVALID_CLIENT)
    const missing = await send(healthKey.url, REVOKE.replace(`token=${REFRESH_TOKEN}&`, ''))
    expectError(missing, 'invalid_request', 'Missing token parameter.')
    expect(statusOf(await send(healthKey.apiUrl, TRANSACTION))).toBe(200)
  })

  test('of what it does not know is a success', async () => {
    const { healthKey } = await start()

    expectAnswer(await send(healthKey.url, REVOKE), REVOKED)
  })
})
