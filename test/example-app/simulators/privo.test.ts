import { afterEach, describe, expect, test } from '@jest/globals'
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose'

import { startPrivo, type PrivoOptions, type PrivoSimulator } from '../../../example-app/simulators/privo.ts'
import { expectAnswer, header, send, statusOf, values, type WireAnswer } from './wire.ts'

const CALLBACK = 'https%3A%2F%2Fapp.example%2Fauth%2Fprivo%2Fcallback%3F'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const OTHER_VERIFIER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
const OLD = 'eyJraWQiOiJyc2ExIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiJ1MSJ9.c2ln'
const NEW = 'eyJraWQiOiJyc2ExIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiJ1MSJ9.new'
const ID_TOKEN = 'eyJraWQiOiJyc2ExIiwiYWxnIjoiUlMyNTYifQ.eyJpc3MiOiJodHRwczovL3ByaXZvLmV4YW1wbGUvIn0.c2ln'

const AUTHORIZE = `
POST /oauth/authorize?response_type=code
    &client_id=partner01
    &redirect_uri=${CALLBACK}
    &scope=openid%20profile%20user_profile%20additional_info%20offline_access
    &state=cHJpdm8tc3RhdGU
    &nonce=n-4711
    &code_challenge=${CHALLENGE}
    &code_challenge_method=S256 HTTP/1.1
Host: privo.example`

const PKCE = /\n *&code_challenge=[\w-]+\n *&code_challenge_method=S256/

const DOCUMENTED_EXCHANGE = `
POST /auth/token HTTP/1.1
Host: privo.example
Content-Type: application/json
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

grant_type=authorization_code&code=SpX4b2K9
&redirect_uri=${CALLBACK}`

const EXCHANGE = `
POST /token HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx
Accept: application/json

grant_type=authorization_code&code=SpX4b2K9
&redirect_uri=${CALLBACK}
&code_verifier=${VERIFIER}`

const TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache

{"access_token":"${OLD}",
 "token_type":"Bearer","refresh_token":"8aBcDeFgH1","expires_in":599,
 "id_token":"${ID_TOKEN}"}`

const DOCUMENTED_REFRESH = `
POST /token?client_id=partner01&client_secret=secret01
    &grant_type=refresh_token&refresh_token=8aBcDeFgH1 HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Content-Length: 0`

const REFRESH = `
POST /token HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

grant_type=refresh_token&refresh_token=8aBcDeFgH1`

const NEW_TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json;charset=UTF-8

{"access_token":"${NEW}","token_type":"Bearer","expires_in":599,"refresh_token":"8aBcDeFgH1","scope":"openid offline_access"}`

const USERINFO = `
GET /userinfo HTTP/1.1
Host: privo.example
Authorization: Bearer ${NEW}
Accept: application/json`

const OLD_USERINFO = USERINFO.replace(NEW, OLD)

const CLAIMS = `
HTTP/1.1 200 OK
Content-Type: application/json

{"sub":"u1","given_name":"Kim","locale":"en","email_verified":true,"role_identifier":"r-parent",
 "preferred_username":"kim1","permissions":[{"on":true,"feature_identifier":"f1","feature_category":"c","feature_active":true,"request_time":1735689600,"consent_time":null}]}`

const KIM = {
  sub: 'u1',
  given_name: 'Kim',
  locale: 'en',
  email_verified: true,
  role_identifier: 'r-parent',
  preferred_username: 'kim1',
  permissions: [
    {
      on: true,
      feature_identifier: 'f1',
      feature_category: 'c',
      feature_active: true,
      request_time: 1735689600,
      consent_time: null,
    },
  ],
}

const EXPIRED = `
HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Pragma: no-cache
WWW-Authenticate: Bearer realm="openidconnect", error="invalid_token", error_description="Invalid access token: ${OLD}"
Content-Type: application/json;charset=UTF-8

{"error":"invalid_token","error_description":"Invalid access token: ${OLD}"}`

const DEAD_REFRESH_TOKEN = `
HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Pragma: no-cache
WWW-Authenticate: Bearer error="invalid_token", error_description="Invalid refresh token: 8aBcDeFgH1"
Content-Type: application/json;charset=UTF-8

{"error":"invalid_token","error_description":"Invalid refresh token: 8aBcDeFgH1"}`

const REDIRECT_URI_MISMATCH = `
HTTP/1.1 400 Bad Request
Content-Type: application/json;charset=UTF-8

{"error":"invalid_grant","error_description":"Redirect URI mismatch."}`

const BAD_CREDENTIALS = `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer realm="openidconnect", error="unauthorized", error_description="Bad credentials"
Content-Type: application/json;charset=UTF-8

{"error":"unauthorized","error_description":"Bad credentials"}`

const BAD_CLIENT_CREDENTIALS = `
HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Pragma: no-cache
WWW-Authenticate: Form realm="oauth", error="invalid_client", error_description="Bad client credentials"

{"error":"invalid_client","error_description":"Bad client credentials"}`

const NO_CREDENTIALS = `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer realm="openidconnect", error="unauthorized", error_description="Full authentication is required to access this resource"

{"error":"unauthorized","error_description":"Full authentication is required to access this resource"}`

const MISSING_GRANT_TYPE = `
HTTP/1.1 400 Bad Request
Content-Type: application/json;charset=UTF-8

{"error":"invalid_request","error_description":"Missing grant type"}`

let simulator: PrivoSimulator | undefined
afterEach(() => simulator?.close())

interface Clocked {
  readonly privo: PrivoSimulator
  readonly url: string
  readonly clock: { ms: number }
}

/** With the values of the transcripts; `signed`: with real JWTs. */
async function start(
  switches: PrivoOptions['switches'] = {},
  { signed = false, ...options }: PrivoOptions & { readonly signed?: boolean } = {},
): Promise<Clocked> {
  const clock = { ms: 1_735_689_600_000 }
  const jwts = { access_token: [OLD, NEW], id_token: [ID_TOKEN] }
  const privo = await startPrivo({
    now: () => clock.ms,
    nextToken: values({ code: ['SpX4b2K9'], refresh_token: ['8aBcDeFgH1'], ...(signed ? {} : jwts) }),
    switches: { consent: 'auto', ...switches },
    ...options,
  })
  simulator = privo
  return { privo, url: privo.url, clock }
}

/** Up to the first tokens. */
async function signIn(switches: PrivoOptions['switches'] = {}, options: PrivoOptions = {}): Promise<Clocked> {
  const started = await start(switches, options)
  await send(started.url, AUTHORIZE)
  expect(statusOf(await send(started.url, EXCHANGE))).toBe(200)
  return started
}

function membersOf({ body }: WireAnswer): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>
}

function expectError(answer: WireAnswer, error: string, description: string): void {
  expectAnswer(
    answer,
    `
HTTP/1.1 400 Bad Request
Cache-Control: no-store
Pragma: no-cache
Content-Type: application/json;charset=UTF-8

{"error":"${error}","error_description":"${description}"}`,
  )
  expect(header(answer, 'www-authenticate')).toBeUndefined()
}

function basic(clientId: string, clientSecret: string): string {
  return `Authorization: Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
}

/** The same request with its parameters, and these credentials, as a form: by POST, without a query. */
function asForm(transcript: string): string {
  const [, path = '', query = ''] = /(\/\S*?)\?([^]*) HTTP/.exec(transcript) ?? []
  return `
POST ${path} HTTP/1.1
Host: privo.example
Content-Type: application/x-www-form-urlencoded

${query}`
}

describe('1. authorize', () => {
  test.each([
    ['POST with the parameters in the URL, as documented', AUTHORIZE],
    ['GET', AUTHORIZE.replace('POST', 'GET')],
    ['POST with a form', asForm(AUTHORIZE)],
    ['the last question mark of the redirect URI not encoded', AUTHORIZE.replace('%3F', '?')],
  ])('by %s: sends the browser back with a code', async (_, request) => {
    const { url } = await start()

    expectAnswer(
      await send(url, request),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/privo/callback?code=SpX4b2K9&state=cHJpdm8tc3RhdGU`,
    )
  })

  test('sends the browser back with access_denied', async () => {
    const { url } = await start({ consent: 'deny' })

    expectAnswer(
      await send(url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/privo/callback?error=access_denied&error_description=User%20denied%20access&state=cHJpdm8tc3RhdGU`,
    )
  })

  test('asks the user, also after a POST', async () => {
    const { url } = await start({ consent: 'ask' })

    expect((await send(url, AUTHORIZE)).body).toContain('<title>Sign in - simulated PRIVO</title>')
  })

  test.each([
    ['an unknown client', 'partner01', 'partner02'],
    ['a redirect URI without its question mark', '%3F', ''],
    ['another redirect URI', 'callback', 'callback2'],
  ])('shows a page to %s', async (_, right, wrong) => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace(right, wrong))

    expect(statusOf(answer)).toBe(400)
    expect(header(answer, 'location')).toBeUndefined()
  })

  test.each([
    ['response_type=code', 'response_type=token', 'unsupported_response_type', 'Unsupported response types: [token]'],
    ['user_profile', 'everything', 'invalid_scope', 'Invalid scope: everything'],
    ['method=S256', 'method=S512', 'invalid_request', 'Code challenge or its method is not supported'],
  ])('answers %s changed to %s with %s', async (right, wrong, error, description) => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace(right, wrong))

    expect(header(answer, 'location')).toBe(
      `https://app.example/auth/privo/callback?error=${error}` +
        `&error_description=${encodeURIComponent(description)}&state=cHJpdm8tc3RhdGU`,
    )
  })
})

describe('2a. code exchange, documented form', () => {
  test('a body labelled application/json is read as a form', async () => {
    const { url, privo } = await start({ jsonLabel: 'form-shaped' })
    await send(url, AUTHORIZE.replace(PKCE, ''))

    expectAnswer(await send(url, DOCUMENTED_EXCHANGE), TOKENS)
    expect(privo.counters.codeRequests).toBe(1)
  })

  test('a body labelled application/json is not read, as in a servlet', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace(PKCE, ''))

    expectAnswer(await send(url, DOCUMENTED_EXCHANGE), MISSING_GRANT_TYPE)
  })
})

describe('2b. code exchange, working form', () => {
  test.each(['form-shaped', 'unread', 'json'] as const)('with jsonLabel %s', async (jsonLabel) => {
    const { url } = await start({ jsonLabel })
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, EXCHANGE), TOKENS)
  })

  test('with everything in the query, as other pages have it', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(
      await send(
        url,
        `
POST /oauth/token?client_id=partner01&client_secret=secret01&grant_type=authorization_code&code=SpX4b2K9
    &redirect_uri=${CALLBACK}&code_verifier=${VERIFIER} HTTP/1.1
Host: privo.example
Content-Type: application/json
Content-Length: 0`,
      ),
      TOKENS,
    )
  })

  test('works once, whatever came of it', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, EXCHANGE.replace('%3F', '')), REDIRECT_URI_MISMATCH)
    expectError(await send(url, EXCHANGE), 'invalid_grant', 'Invalid authorization code')
  })

  test('works for five minutes', async () => {
    const { url, clock } = await start()
    await send(url, AUTHORIZE)

    clock.ms += 300_000

    expectError(await send(url, EXCHANGE), 'invalid_grant', 'Invalid authorization code')
  })

  test('a verifier that does not match is invalid_request', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    const answer = await send(url, EXCHANGE.replace(VERIFIER, OTHER_VERIFIER))

    expectError(answer, 'invalid_request', 'Code challenge and verifier do not match')
  })

  test('a verifier that is missing makes the server fail', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    const answer = await send(url, EXCHANGE.replace(`\n&code_verifier=${VERIFIER}`, ''))

    expect(statusOf(answer)).toBe(500)
    expect(header(answer, 'content-type')).toBe('text/html;charset=utf-8')
  })

  test.each([
    ['&code_challenge_method=plain', VERIFIER, 200],
    ['', VERIFIER, 200],
    ['', OTHER_VERIFIER, 400],
  ])('a plain challenge ("%s") is known too', async (method, sent, status) => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace(CHALLENGE, VERIFIER).replace(/\n *&code_challenge_method=S256/, method))

    expect(statusOf(await send(url, EXCHANGE.replace(VERIFIER, sent)))).toBe(status)
  })
})

describe('3. token response', () => {
  const keysOf = async (url: string) =>
    createLocalJWKSet(JSON.parse((await send(url, 'GET /jwk HTTP/1.1\nHost: privo.example')).body) as JSONWebKeySet)

  test('brings a real ID Token', async () => {
    const { url, clock } = await start({}, { signed: true })
    await send(url, AUTHORIZE)
    const { id_token: idToken } = membersOf(await send(url, EXCHANGE))

    const verified = await jwtVerify(String(idToken), await keysOf(url), {
      issuer: `${url}/`,
      audience: 'partner01',
      currentDate: new Date(clock.ms),
    })

    expect(String(idToken)).toMatch(/^eyJraWQiOiJyc2ExIiwiYWxnIjoiUlMyNTYifQ\./)
    expect(verified.payload).toMatchObject({ sub: 'alice', nonce: 'n-4711', jti: expect.any(String) })
    expect((verified.payload.exp ?? 0) - (verified.payload.iat ?? 0)).toBe(600)
  })

  test('brings a real JWT as access token, each another one', async () => {
    const { url, clock } = await start({}, { signed: true })
    await send(url, AUTHORIZE)
    const first = String(membersOf(await send(url, EXCHANGE))['access_token'])
    const second = String(membersOf(await send(url, REFRESH))['access_token'])

    const verified = await jwtVerify(first, await keysOf(url), { issuer: `${url}/`, currentDate: new Date(clock.ms) })

    expect(verified.protectedHeader).toEqual({ kid: 'rsa1', alg: 'RS256' })
    expect(verified.payload).toMatchObject({ sub: 'alice', azp: 'partner01' })
    expect((verified.payload.exp ?? 0) - (verified.payload.iat ?? 0)).toBe(599)
    expect(second).not.toBe(first)
  })

  test('brings no ID Token without openid', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace('openid%20', ''))

    expect(membersOf(await send(url, EXCHANGE))).not.toHaveProperty('id_token')
  })
})

describe('app tokens', () => {
  const request = (scope: string): string =>
    REFRESH.replace('refresh_token&refresh_token=8aBcDeFgH1', `client_credentials&scope=${scope}`)

  test('can be refreshed when offline_access was asked for', async () => {
    const { url } = await start()

    const tokens = membersOf(await send(url, request('TRUST+offline_access')))

    expect(tokens).toMatchObject({ refresh_token: '8aBcDeFgH1', scope: 'TRUST offline_access' })
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ access_token: NEW })
  })

  test('cannot be refreshed otherwise, and say nothing of a user', async () => {
    const { url } = await start()

    expect(membersOf(await send(url, request('TRUST')))).toEqual({
      access_token: OLD,
      token_type: 'Bearer',
      expires_in: 599,
      scope: 'TRUST',
    })
    const answer = await send(url, OLD_USERINFO)
    expect(statusOf(answer)).toBe(403)
    expect(header(answer, 'www-authenticate')).toContain('error="insufficient_scope"')
  })
})

describe('4. refresh', () => {
  test.each([
    ['the documented form', DOCUMENTED_REFRESH],
    ['Basic and a form', REFRESH],
  ])('in %s', async (_, refresh) => {
    const { url, privo } = await start()
    await send(url, AUTHORIZE.replace('profile%20user_profile%20additional_info%20', ''))
    await send(url, EXCHANGE)

    expectAnswer(await send(url, refresh), NEW_TOKENS)
    expect(privo.counters).toMatchObject({ refreshRequests: 1, refreshes: 1 })
  })

  test('the refresh token stays good, and the access token before it dies at once', async () => {
    const { url } = await signIn()
    expect(statusOf(await send(url, OLD_USERINFO))).toBe(200)

    await send(url, REFRESH)

    expectAnswer(await send(url, OLD_USERINFO), EXPIRED)
    expect(statusOf(await send(url, USERINFO))).toBe(200)
    expect(membersOf(await send(url, REFRESH))).toMatchObject({ refresh_token: '8aBcDeFgH1' })
    expect(statusOf(await send(url, USERINFO))).toBe(401)
  })

  test('cannot ask for more than was granted', async () => {
    const { url } = await signIn()

    expectError(await send(url, `${REFRESH}&scope=openid+email`), 'invalid_scope', 'Up-scoping is not allowed.')
  })
})

describe('5. userinfo', () => {
  test('has the claims', async () => {
    const { url } = await signIn({}, { claims: { alice: KIM } })
    await send(url, REFRESH)

    expectAnswer(await send(url, USERINFO), CLAIMS)
  })

  test('names whom the ID Token names', async () => {
    const { url } = await start({}, { signed: true, claims: { alice: KIM } })
    await send(url, AUTHORIZE)

    expect(decodeJwt(String(membersOf(await send(url, EXCHANGE))['id_token'])).sub).toBe('u1')
  })

  test('has claims of its own for whom none were given, by scope', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE)
    await send(url, EXCHANGE)
    const all = membersOf(await send(url, OLD_USERINFO))
    const code = header(await send(url, AUTHORIZE.replace('user_profile%20additional_info%20', '')), 'location')
    await send(url, EXCHANGE.replace('SpX4b2K9', new URL(code ?? '').searchParams.get('code') ?? ''))
    const some = membersOf(await send(url, USERINFO))

    expect(all).toMatchObject({ sub: 'alice', minor: false, role_identifier: 'r-parent', site_token: 'site-alice' })
    expect(some).toEqual({
      sub: 'alice',
      given_name: 'Alice',
      locale: 'en',
      email_verified: true,
      preferred_username: 'alice',
    })
  })

  test('is not for tokens without openid, nor for anybody without a token, nor by POST', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace('openid%20', ''))
    await send(url, EXCHANGE)

    expect(statusOf(await send(url, OLD_USERINFO))).toBe(403)
    expectAnswer(await send(url, 'GET /userinfo HTTP/1.1\nHost: privo.example'), NO_CREDENTIALS)
    expect(statusOf(await send(url, OLD_USERINFO.replace('GET', 'POST')))).toBe(405)
  })

  test('refuses an expired token, and says which', async () => {
    const { url, clock } = await signIn()

    clock.ms += 599_000

    expectAnswer(await send(url, OLD_USERINFO), EXPIRED)
  })

  test('200 at once', async () => {
    const { url, privo } = await signIn()

    const answers = await Promise.all(Array.from({ length: 200 }, () => send(url, OLD_USERINFO)))

    expect(answers.map(statusOf)).toEqual(Array(200).fill(200))
    expect(privo.counters.presentations.get(OLD)).toBe(200)
  })
})

describe('6. token errors', () => {
  test('a dead refresh token', async () => {
    const { url, privo } = await signIn()

    privo.revokeRefreshTokens()

    expectAnswer(await send(url, REFRESH), DEAD_REFRESH_TOKEN)
    expectAnswer(await send(url, DOCUMENTED_REFRESH), DEAD_REFRESH_TOKEN)
  })

  test('an unknown refresh token', async () => {
    const { url } = await start()

    expectAnswer(await send(url, REFRESH), DEAD_REFRESH_TOKEN)
  })

  test('wrong Basic credentials', async () => {
    const { url } = await signIn()

    expectAnswer(await send(url, REFRESH.replace(/Authorization.*/, basic('partner01', 'secret02'))), BAD_CREDENTIALS)
    expectAnswer(await send(url, REFRESH.replace(/Authorization.*/, basic('partner02', 'secret01'))), BAD_CREDENTIALS)
    expectAnswer(await send(url, REFRESH.replace(/Authorization.*/, 'Authorization: Basic ?')), BAD_CREDENTIALS)
  })

  test('wrong credentials as parameters', async () => {
    const { url } = await signIn()

    for (const [right, wrong] of [
      ['secret01', 'secret02'],
      ['partner01', 'partner02'],
      ['&client_secret=secret01', ''],
    ] as const) {
      expectAnswer(await send(url, DOCUMENTED_REFRESH.replace(right, wrong)), BAD_CLIENT_CREDENTIALS)
    }
  })

  test('no credentials', async () => {
    const { url } = await signIn()

    expectAnswer(await send(url, REFRESH.replace(/\nAuthorization.*/, '')), NO_CREDENTIALS)
  })

  test('no grant type, and one that is not supported', async () => {
    const { url } = await start()

    expectAnswer(await send(url, REFRESH.replace('grant_type', 'x')), MISSING_GRANT_TYPE)
    const unsupported = await send(url, REFRESH.replace('grant_type=refresh_token', 'grant_type=password'))
    expectError(unsupported, 'unsupported_grant_type', 'Unsupported grant type: password')
  })

  test('no code', async () => {
    const { url } = await start()

    const answer = await send(url, EXCHANGE.replace('SpX4b2K9', ''))

    expectError(answer, 'invalid_request', 'An authorization code must be supplied.')
  })

  test('GET', async () => {
    const { url } = await start()

    expectAnswer(
      await send(url, DOCUMENTED_REFRESH.replace('POST', 'GET')),
      `
HTTP/1.1 405 Method Not Allowed
Cache-Control: no-store
Pragma: no-cache

{"error":"method_not_allowed","error_description":"Request method 'GET' not supported"}`,
    )
  })
})

describe('7. logout', () => {
  const logout = (hint: string): string => `
GET /logout?id_token_hint=${hint}&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=xyz HTTP/1.1
Host: privo.example`

  async function idTokenOf({ url }: Clocked): Promise<string> {
    await send(url, AUTHORIZE)
    return String(membersOf(await send(url, EXCHANGE))['id_token'])
  }

  test('sends the browser back', async () => {
    const started = await start({}, { signed: true })

    expectAnswer(
      await send(started.url, logout(await idTokenOf(started))),
      `
HTTP/1.1 302 Found
Location: https://app.example/bye?state=xyz`,
    )
  })

  test('every parameter is optional', async () => {
    const { url } = await start()

    const bare = await send(url, 'GET /logout HTTP/1.1\nHost: privo.example')
    const withoutHint = await send(url, logout('').replace('&state=xyz', ''))

    expect(bare).toMatchObject({ statusLine: 'HTTP/1.1 200 OK', body: '<h1>You are signed out</h1>' })
    expect(header(withoutHint, 'location')).toBe('https://app.example/bye')
  })

  test('ends the session of the user at PRIVO', async () => {
    const { url } = await start({ consent: 'ask' })
    const action = (answer: WireAnswer): string => /action="([^"]+)"/.exec(answer.body)?.[1] ?? ''
    const consent = await send(
      url,
      `
POST ${action(await send(url, AUTHORIZE))} HTTP/1.1
Host: privo.example

decision=login&login=alice&password=wonderland`,
    )
    const cookie = `\nCookie: ${(header(consent, 'set-cookie') ?? '').split(';')[0] ?? ''}`
    expect((await send(url, AUTHORIZE + cookie)).body).toContain('<title>Allow access? ')

    await send(url, `GET /logout HTTP/1.1\nHost: privo.example${cookie}`)

    expect((await send(url, AUTHORIZE + cookie)).body).toContain('<title>Sign in ')
  })

  test.each([
    ['a hint that is not its own', ID_TOKEN, 'bye'],
    ['a place that is not registered', '', 'elsewhere'],
  ])('shows a page to %s', async (_, hint, place) => {
    const { url } = await start()

    const answer = await send(url, logout(hint).replace('bye', place))

    expect(statusOf(answer)).toBe(400)
    expect(header(answer, 'location')).toBeUndefined()
  })
})

describe('discovery', () => {
  const DOCUMENT = 'GET /.well-known/openid-configuration HTTP/1.1\nHost: privo.example'

  test('says what MITREid Connect says', async () => {
    const { url } = await start()

    expect(membersOf(await send(url, DOCUMENT))).toMatchObject({
      issuer: `${url}/`,
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/token`,
      userinfo_endpoint: `${url}/userinfo`,
      end_session_endpoint: `${url}/logout`,
      jwks_uri: `${url}/jwk`,
      id_token_signing_alg_values_supported: ['HS256', 'RS256', 'none'],
      code_challenge_methods_supported: ['plain', 'S256'],
    })
  })

  test('can be off', async () => {
    const { url } = await start({ discovery: false })

    expect(statusOf(await send(url, DOCUMENT))).toBe(404)
  })
})

describe('faults', () => {
  test('a refresh whose answer was lost can be repeated, but has ended the access token', async () => {
    const { url, privo } = await signIn()
    privo.faults.token.dropAnswers = 1

    await expect(send(url, REFRESH)).rejects.toThrow('cut')

    expectAnswer(await send(url, OLD_USERINFO), EXPIRED)
    expect(statusOf(await send(url, REFRESH))).toBe(200)
  })

  test.each([
    ['token', REFRESH],
    ['token', DOCUMENTED_EXCHANGE],
    ['token', REFRESH.replace('/token', '/oauth/token')],
    ['api', USERINFO],
  ] as const)('of %s are those of %s', async (kind, request) => {
    const { url, privo } = await start()
    privo.faults[kind].failAnswers = 1

    expect(statusOf(await send(url, AUTHORIZE))).toBe(302)
    expect(statusOf(await send(url, request))).toBe(500)
  })
})

describe('switches', () => {
  test.each(['/auth/token', '/oauth/token', '/token'] as const)('tokenPaths: %s, or not', async (path) => {
    const { url, privo } = await signIn()
    const refresh = REFRESH.replace('/token', path)
    const others = privo.switches.tokenPaths.filter((other) => other !== path)

    expect(statusOf(await send(url, refresh))).toBe(200)
    privo.switches.tokenPaths = others
    expect(statusOf(await send(url, refresh))).toBe(404)
    for (const other of others) expect(statusOf(await send(url, REFRESH.replace('/token', other)))).toBe(200)
  })

  test.each([
    ['get', [302, 405, 405]],
    ['post-query', [405, 302, 400]],
    ['post-form', [405, 400, 302]],
  ] as const)('authorizeMethods: only %s', async (method, statuses) => {
    const { url } = await start({ authorizeMethods: [method] })

    const answers = [
      await send(url, AUTHORIZE.replace('POST', 'GET')),
      await send(url, AUTHORIZE),
      await send(url, asForm(AUTHORIZE)),
    ]

    expect(answers.map(statusOf)).toEqual(statuses)
  })

  const trueJson = (members: Record<string, string>): string => `
POST /auth/token HTTP/1.1
Host: privo.example
Content-Type: application/json
Authorization: Basic cGFydG5lcjAxOnNlY3JldDAx

${JSON.stringify(members)}`

  const exchangeInJson = trueJson({
    grant_type: 'authorization_code',
    code: 'SpX4b2K9',
    redirect_uri: 'https://app.example/auth/privo/callback?',
    code_verifier: VERIFIER,
  })

  test('jsonLabel json: true JSON is read, and a form under its label is not', async () => {
    const { url } = await start({ jsonLabel: 'json' })
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, DOCUMENTED_EXCHANGE), MISSING_GRANT_TYPE)
    expectAnswer(await send(url, exchangeInJson), TOKENS)
  })

  test.each(['form-shaped', 'unread'] as const)('jsonLabel %s: true JSON is not read', async (jsonLabel) => {
    const { url } = await start({ jsonLabel })
    await send(url, AUTHORIZE)

    expectAnswer(await send(url, exchangeInJson), MISSING_GRANT_TYPE)
  })

  // The comparison of MITREid Connect: raw, or the secret in URI-path encoding, which leaves `-_.` and `+=` alone.
  test.each([
    ['raw', ['basic-raw'], 'a-b_c.d+e/f=g', [true, false, false]],
    ['encoded', ['basic-encoded'], 'a-b_c.d+e/f=g', [false, false, true]],
    ['both', ['basic-raw', 'basic-encoded'], 'a-b_c.d+e/f=g', [true, false, true]],
    ['both, with a plain secret', ['basic-raw', 'basic-encoded'], 'secret01', [true, true, true]],
    ['parameters only', ['parameters'], 'secret01', [false, false, false]],
  ] as const)('clientAuth: Basic %s', async (_, clientAuth, secret, accepted) => {
    const { url, privo } = await signIn()
    privo.switches.clientAuth = clientAuth
    privo.client.clientSecret = secret
    const formEncoded = encodeURIComponent(secret).replaceAll(/[-_.]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
    const pathEncoded = secret.replaceAll('/', '%2F')

    const answers = [
      await send(url, REFRESH.replace(/Authorization.*/, basic('partner01', secret))),
      await send(url, REFRESH.replace(/Authorization.*/, basic('partner01', formEncoded))),
      await send(url, REFRESH.replace(/Authorization.*/, basic('partner%30%31', pathEncoded))),
    ]

    expect(answers.map((answer) => statusOf(answer) === 200)).toEqual(accepted)
    if (!clientAuth.some((way) => way === 'parameters')) {
      for (const answer of answers.filter((each) => statusOf(each) !== 200)) expectAnswer(answer, BAD_CREDENTIALS)
    }
  })

  test('clientAuth: parameters, in the query or in the body, or not', async () => {
    const { url, privo } = await signIn()
    const inBody = asForm(DOCUMENTED_REFRESH)

    expect(statusOf(await send(url, DOCUMENTED_REFRESH))).toBe(200)
    expect(statusOf(await send(url, inBody))).toBe(200)
    privo.switches.clientAuth = ['basic-raw', 'basic-encoded']
    expectAnswer(await send(url, DOCUMENTED_REFRESH), NO_CREDENTIALS)
    expectAnswer(await send(url, inBody), NO_CREDENTIALS)
  })

  test('redirectTrailingQuestionMark off: registered without it, and only good without it', async () => {
    const { url } = await start({ redirectTrailingQuestionMark: false })

    const withIt = await send(url, AUTHORIZE)
    const without = await send(url, AUTHORIZE.replace('%3F', ''))

    expect(statusOf(withIt)).toBe(400)
    expect(header(without, 'location')).toBe(
      'https://app.example/auth/privo/callback?code=SpX4b2K9&state=cHJpdm8tc3RhdGU',
    )
    expectAnswer(await send(url, EXCHANGE), REDIRECT_URI_MISMATCH)
  })

  test.each([
    [true, 'openid%20offline_access', true],
    [true, 'openid', false],
    [false, 'openid', true],
  ])('offlineAccessNeeded %s: with %s a refresh token: %s', async (offlineAccessNeeded, scope, comes) => {
    const { url } = await start({ offlineAccessNeeded })
    await send(url, AUTHORIZE.replace(/scope=\S+/, `scope=${scope}`))

    expect('refresh_token' in membersOf(await send(url, EXCHANGE))).toBe(comes)
  })

  test('reuseRefreshToken off: each refresh brings another refresh token, and the old one dies', async () => {
    const { url } = await signIn({ reuseRefreshToken: false })

    const { refresh_token: next } = membersOf(await send(url, REFRESH))

    expect(next).not.toBe('8aBcDeFgH1')
    expectAnswer(await send(url, REFRESH), DEAD_REFRESH_TOKEN)
    expect(statusOf(await send(url, REFRESH.replace('8aBcDeFgH1', String(next))))).toBe(200)
  })

  test('clearAccessTokensOnRefresh off: the access token before it lives on', async () => {
    const { url } = await signIn({ clearAccessTokensOnRefresh: false })

    await send(url, REFRESH)

    expect(statusOf(await send(url, OLD_USERINFO))).toBe(200)
    expect(statusOf(await send(url, USERINFO))).toBe(200)
  })

  test('issuerSlash off: the issuer has no slash at its end', async () => {
    const { url } = await start({ issuerSlash: false }, { signed: true })
    await send(url, AUTHORIZE)

    expect(decodeJwt(String(membersOf(await send(url, EXCHANGE))['id_token'])).iss).toBe(url)
  })

  test('the lifetime is by agreement', async () => {
    const { url, privo, clock } = await signIn({}, { lifetimes: { accessTokenSeconds: 604_800 } })
    clock.ms += 604_799_000
    expect(statusOf(await send(url, OLD_USERINFO))).toBe(200)
    privo.lifetimes.accessTokenSeconds = 3599

    expect(membersOf(await send(url, REFRESH))).toMatchObject({ expires_in: 3599 })
  })

  test.each([
    ['never', undefined, undefined],
    ['refresh', undefined, 'openid offline_access'],
    ['always', 'openid offline_access', 'openid offline_access'],
  ] as const)('scopeInResponse %s', async (scopeInResponse, atExchange, atRefresh) => {
    const { url } = await start({ scopeInResponse })
    await send(url, AUTHORIZE.replace(/scope=\S+/, 'scope=openid+offline_access'))

    expect(membersOf(await send(url, EXCHANGE))['scope']).toBe(atExchange)
    expect(membersOf(await send(url, REFRESH))['scope']).toBe(atRefresh)
  })

  test('idTokenOnRefresh: a refresh brings an ID Token', async () => {
    const { url } = await signIn({ idTokenOnRefresh: true })

    const { id_token: idToken } = membersOf(await send(url, REFRESH))

    expect(decodeJwt(String(idToken))).toMatchObject({ iss: `${url}/`, sub: 'alice' })
  })

  test('serviceIdRequired: userinfo needs it', async () => {
    const { url } = await signIn({ serviceIdRequired: true })

    expectError(await send(url, OLD_USERINFO), 'invalid_request', 'Missing service_id')
    expect(statusOf(await send(url, OLD_USERINFO.replace('/userinfo', '/userinfo?service_id=s1')))).toBe(200)
  })
})
