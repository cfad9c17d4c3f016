import { afterEach, describe, expect, test } from '@jest/globals'
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose'

import {
  startTheIdentityHub,
  type TheIdentityHubOptions,
  type TheIdentityHubSimulator,
} from '../../../example-app/simulators/the-identity-hub.ts'
import { expectAnswer, header, send, statusOf, values, type WireAnswer } from './wire.ts'

const CALLBACK = 'https%3A%2F%2Fapp.example%2Fauth%2Ftih%2Fcallback'
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const OTHER_VERIFIER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
const ID_TOKEN =
  'eyJhbGciOiJSUzI1NiIsImtpZCI6InQxIn0.eyJpc3MiOiJodHRwczovL3d3dy50aGVpZGVudGl0eWh1Yi5jb20vY29udG9zbyJ9.c2ln'

const AUTHORIZE = `
GET /contoso/oauth2/v1/auth/?response_type=code
    &client_id=tih-client-01
    &redirect_uri=${CALLBACK}
    &scope=openid%20profile.read
    &state=dGloLXN0YXRl
    &nonce=n-8812
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256 HTTP/1.1
Host: www.theidentityhub.com`

const EXCHANGE = `
POST /contoso/oauth2/v1/token/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

grant_type=authorization_code&code=X1Y2Z3&client_id=tih-client-01&client_secret=tih-secret-01
&redirect_uri=${CALLBACK}
&code_verifier=${VERIFIER}`

const TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache

{"access_token":"TIHAT0001","token_type":"bearer","expires_in":3600,"scope":"profile.read",
 "refresh_token":"TIHRT0001","id_token":"${ID_TOKEN}"}`

const REFRESH = `
POST /contoso/oauth2/v1/token/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=TIHRT0001&client_id=tih-client-01&client_secret=tih-secret-01`

const NEW_TOKENS = `
HTTP/1.1 200 OK
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache

{"access_token":"TIHAT0002","token_type":"bearer","expires_in":3600,"scope":"profile.read","refresh_token":"TIHRT0002"}`

const API_CALL = `
GET /contoso/api/identity/v1 HTTP/1.1
Host: www.theidentityhub.com
Authorization: Bearer TIHAT0001`

const EXPIRED = `
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer error="invalid_token", error_description="The access token expired"
Content-Length: 0`

const VERIFY = `
GET /contoso/oauth2/v1/verify/?access_token=TIHAT0001 HTTP/1.1
Host: www.theidentityhub.com`

const NOT_VERIFIED = `
HTTP/1.1 200 OK
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache

{"error":"invalid_token"}`

const REVOKE = `
POST /contoso/oauth2/v1/revoke/ HTTP/1.1
Host: www.theidentityhub.com
Content-Type: application/x-www-form-urlencoded

token=TIHAT0002&client_id=tih-client-01&token_type_hint=access_token`

let simulator: TheIdentityHubSimulator | undefined
afterEach(() => simulator?.close())

/** With the values of the transcripts; without `idToken`, ID Tokens are signed ones. */
async function start(
  switches: TheIdentityHubOptions['switches'] = {},
  { idToken, ...options }: TheIdentityHubOptions & { readonly idToken?: string } = {},
): Promise<TheIdentityHubSimulator> {
  simulator = await startTheIdentityHub({
    nextToken: values({
      code: ['X1Y2Z3'],
      access_token: ['TIHAT0001', 'TIHAT0002'],
      refresh_token: ['TIHRT0001', 'TIHRT0002'],
      id_token: idToken === undefined ? [] : [idToken],
    }),
    switches: { consent: 'auto', ...switches },
    ...options,
  })
  return simulator
}

/** Up to the first pair of tokens. */
async function signIn({ url }: TheIdentityHubSimulator): Promise<WireAnswer> {
  await send(url, AUTHORIZE)
  return send(url, EXCHANGE)
}

/** Documented for the revocation endpoint, taken to be the same here: no description. */
function expectError(answer: WireAnswer, error: string): void {
  expectAnswer(
    answer,
    `
HTTP/1.1 400 Bad Request
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache

{"error":"${error}"}`,
  )
}

function membersOf({ body }: WireAnswer): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>
}

async function keysAt({ url }: TheIdentityHubSimulator, path: string): Promise<JSONWebKeySet> {
  return JSON.parse((await send(url, get(path))).body) as JSONWebKeySet
}

function get(path: string, authorization?: string): string {
  const head = `GET ${path} HTTP/1.1\nHost: www.theidentityhub.com`
  return authorization === undefined ? head : `${head}\nAuthorization: ${authorization}`
}

describe('1. authorize', () => {
  test('sends the browser back with a code', async () => {
    const { url } = await start()

    expectAnswer(
      await send(url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/tih/callback?code=X1Y2Z3&state=dGloLXN0YXRl`,
    )
  })

  test('sends the browser back with access_denied', async () => {
    const { url } = await start({ consent: 'deny' })

    expectAnswer(
      await send(url, AUTHORIZE),
      `
HTTP/1.1 302 Found
Location: https://app.example/auth/tih/callback?error=access_denied&state=dGloLXN0YXRl`,
    )
  })

  test('returns any state unchanged, and none when there was none', async () => {
    const { url } = await start()
    const page = 'https%3A%2F%2Fapp.example%2F%3Fa%3Db%26c'

    const withUrl = await send(url, AUTHORIZE.replace('dGloLXN0YXRl', page))
    const without = await send(url, AUTHORIZE.replace('\n    &state=dGloLXN0YXRl', ''))

    expect(header(withUrl, 'location')).toContain(`&state=${page}`)
    expect(header(without, 'location')).not.toContain('state')
  })

  test('shows its pages to the user', async () => {
    const { url } = await start({ consent: 'ask' })

    const answer = await send(url, AUTHORIZE)

    expect(statusOf(answer)).toBe(200)
    expect(answer.body).toContain('<title>Sign in - simulated The Identity Hub</title>')
  })

  test('posts a form when it is asked for response_mode=form_post', async () => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace('&nonce', '&response_mode=form_post&nonce'))

    expect(statusOf(answer)).toBe(200)
    expect(answer.body).toContain('<form method="post" action="https://app.example/auth/tih/callback">')
    expect(answer.body).toContain('<input type="hidden" name="code" value="X1Y2Z3" />')
    expect(answer.body).toContain('<input type="hidden" name="state" value="dGloLXN0YXRl" />')
  })

  test.each([
    ['an unknown client', 'tih-client-01', 'tih-client-02'],
    ['a redirect URI with one slash more', 'callback\n', 'callback%2F\n'],
    ['another spelling of the redirect URI', 'app.example', 'APP.example'],
  ])('shows a page to %s', async (_, right, wrong) => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace(right, wrong))

    expect(statusOf(answer)).toBe(400)
    expect(header(answer, 'location')).toBeUndefined()
  })

  test.each([
    ['response_type=code', 'response_type=token', 'unauthorized_client'],
    ['response_type=code', 'response_type=id', 'unsupported_response_type'],
    ['response_type=code', 'response_type=', 'invalid_request'],
    ['code_challenge_method=S256', 'code_challenge_method=plain', 'invalid_request'],
    ['E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'short', 'invalid_request'],
  ])('answers %s changed to %s with %s', async (right, wrong, error) => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace(right, wrong))

    expect(header(answer, 'location')).toBe(`https://app.example/auth/tih/callback?error=${error}&state=dGloLXN0YXRl`)
  })

  test('is for GET only', async () => {
    const { url } = await start()

    const answer = await send(url, AUTHORIZE.replace('GET', 'POST'))

    expect(statusOf(answer)).toBe(405)
    expect(header(answer, 'allow')).toBe('GET')
  })
})

describe('2. code exchange', () => {
  test('brings the documented answer', async () => {
    const hub = await start({}, { idToken: ID_TOKEN })

    expectAnswer(await signIn(hub), TOKENS)
    expect(hub.counters).toMatchObject({ codeRequests: 1, refreshRequests: 0 })
  })

  test('works once', async () => {
    const hub = await start()
    await signIn(hub)

    expectError(await send(hub.url, EXCHANGE), 'invalid_grant')
  })

  test('works for a minute', async () => {
    const clock = { ms: 0 }
    const { url } = await start({}, { now: () => clock.ms })
    await send(url, AUTHORIZE)

    clock.ms += 60_000

    expectError(await send(url, EXCHANGE), 'invalid_grant')
  })

  test.each([
    ['another code', 'X1Y2Z3', 'X1Y2Z4', 'invalid_grant'],
    ['no code', 'code=X1Y2Z3', 'code=', 'invalid_request'],
    ['another redirect URI', 'callback', 'callback%3F', 'invalid_grant'],
    ['no redirect URI', `&redirect_uri=${CALLBACK}`, '', 'invalid_grant'],
    ['another verifier', VERIFIER, OTHER_VERIFIER, 'invalid_grant'],
    ['no verifier', `&code_verifier=${VERIFIER}`, '', 'invalid_grant'],
    ['another client', 'tih-client-01', 'tih-client-02', 'invalid_client'],
    ['another secret', 'tih-secret-01', 'tih-secret-02', 'invalid_client'],
    ['no secret', '&client_secret=tih-secret-01', '', 'invalid_client'],
    ['no grant type', 'grant_type=authorization_code', 'grant_type=', 'invalid_request'],
    ['another grant type', 'authorization_code', 'password', 'unsupported_grant_type'],
    ['a JSON label', 'x-www-form-urlencoded', 'json', 'invalid_request'],
  ])('fails with %s', async (_, right, wrong, error) => {
    const { url } = await start()
    await send(url, AUTHORIZE)

    expectError(await send(url, EXCHANGE.replace(right, wrong)), error)
  })

  test('brings a real ID Token for openid, with the nonce as it was sent', async () => {
    const hub = await start()
    const issuer = `${hub.url}/contoso`

    const { id_token: idToken } = membersOf(await signIn(hub))
    const keys = createLocalJWKSet(await keysAt(hub, '/contoso/oauth2/v1/certs'))
    const verified = await jwtVerify(String(idToken), keys, { issuer, audience: 'tih-client-01' })

    expect(verified.protectedHeader).toEqual({ alg: 'RS256', kid: 't1' })
    expect(verified.payload).toMatchObject({ sub: 'alice', nonce: 'n-8812' })
    expect((verified.payload.exp ?? 0) - (verified.payload.iat ?? 0)).toBe(3600)
  })

  test('brings no ID Token without openid in the scope', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace('openid%20', ''))

    expect(membersOf(await send(url, EXCHANGE))).not.toHaveProperty('id_token')
  })

  test('brings no scope when none was asked for', async () => {
    const { url } = await start()
    await send(url, AUTHORIZE.replace('openid%20profile.read', ''))

    expect(membersOf(await send(url, EXCHANGE))).not.toHaveProperty('scope')
  })
})

describe('app tokens', () => {
  test('come without a refresh token, and name nobody', async () => {
    const { url } = await start()

    const answer = await send(
      url,
      EXCHANGE.replace(
        /grant_type[^]*/,
        'grant_type=client_credentials&client_id=tih-client-01&client_secret=tih-secret-01',
      ),
    )

    expect(membersOf(answer)).toEqual({ access_token: 'TIHAT0001', token_type: 'bearer', expires_in: 3600 })
    expect(statusOf(await send(url, API_CALL))).toBe(403)
  })
})

describe('3. refresh', () => {
  test('brings a new pair, and no ID Token', async () => {
    const hub = await start()
    await signIn(hub)

    expectAnswer(await send(hub.url, REFRESH), NEW_TOKENS)
    expect(hub.counters).toMatchObject({ refreshRequests: 1, refreshes: 1 })
  })

  test('leaves the access token before it alone', async () => {
    const hub = await start()
    await signIn(hub)

    await send(hub.url, REFRESH)

    expect(statusOf(await send(hub.url, API_CALL))).toBe(200)
  })

  test.each([
    ['an unknown refresh token', 'TIHRT0001', 'TIHRT0009', 'invalid_grant'],
    ['no refresh token', 'TIHRT0001', '', 'invalid_request'],
    ['another secret', 'tih-secret-01', 'tih-secret-02', 'invalid_client'],
  ])('fails with %s', async (_, right, wrong, error) => {
    const hub = await start()
    await signIn(hub)

    expectError(await send(hub.url, REFRESH.replace(right, wrong)), error)
  })
})

describe('4. API call', () => {
  test('with an expired token', async () => {
    const clock = { ms: 0 }
    const hub = await start({}, { now: () => clock.ms })
    await signIn(hub)

    clock.ms += 3_600_000

    expectAnswer(await send(hub.url, API_CALL), EXPIRED)
  })

  test('with a revoked token, an unknown one, and none', async () => {
    const hub = await start()
    const invalid = 'Bearer error="invalid_token", error_description="The access token is invalid"'

    const unknown = await send(hub.url, API_CALL)
    await signIn(hub)
    hub.revokeAccessTokens()
    const revoked = await send(hub.url, API_CALL)
    const none = await send(hub.url, get('/contoso/api/identity/v1'))

    expect([unknown, revoked, none].map(statusOf)).toEqual([401, 401, 401])
    expect([unknown, revoked, none].map((answer) => header(answer, 'www-authenticate'))).toEqual([
      invalid,
      invalid,
      'Bearer',
    ])
  })

  test('says who the user is, with the token in the header or in the query', async () => {
    const hub = await start()
    await signIn(hub)

    const inHeader = await send(hub.url, API_CALL)
    const inQuery = await send(hub.url, get('/contoso/api/identity/v1/?access_token=TIHAT0001'))

    expect(membersOf(inHeader)).toEqual({
      identityId: 'alice',
      displayName: 'Alice Liddell',
      givenName: 'Alice',
      surname: 'Liddell',
      emailAddress: 'alice@example.com',
      emailAddressVerified: true,
      userName: 'alice',
    })
    expect(inQuery.body).toBe(inHeader.body)
  })

  test.each([
    ['/alice', 200],
    ['/roles', 200],
    ['/accounts', 200],
    ['/bob', 404],
  ])('%s is answered with %i', async (path, status) => {
    const hub = await start()
    await signIn(hub)

    expect(statusOf(await send(hub.url, get(`/contoso/api/identity/v1${path}`, 'Bearer TIHAT0001')))).toBe(status)
  })

  test('200 at once', async () => {
    const hub = await start()
    await signIn(hub)

    const answers = await Promise.all(Array.from({ length: 200 }, () => send(hub.url, API_CALL)))

    expect(answers.map(statusOf)).toEqual(Array(200).fill(200))
    expect(hub.counters.presentations.get('TIHAT0001')).toBe(200)
  })
})

describe('userinfo', () => {
  const userInfo = get('/contoso/oauth2/v1/userinfo', 'Bearer TIHAT0001')

  test.each(['GET', 'POST'])('says by %s who the user is', async (method) => {
    const hub = await start()
    await signIn(hub)

    const answer = await send(hub.url, userInfo.replace('GET', method))

    expect(membersOf(answer)).toEqual({
      sub: 'alice',
      name: 'Alice Liddell',
      given_name: 'Alice',
      family_name: 'Liddell',
      preferred_username: 'alice',
      email: 'alice@example.com',
      picture: `${hub.url}/contoso/picture/alice`,
      ppid: 'contoso-alice',
      unique_name: 'alice@example.com',
      role: ['user'],
    })
  })

  test('answers an expired token with invalid_token, and takes no token from the query', async () => {
    const hub = await start()
    await signIn(hub)
    hub.expireAccessTokens()

    expectAnswer(await send(hub.url, userInfo), EXPIRED)
    expect(statusOf(await send(hub.url, get('/contoso/oauth2/v1/userinfo?access_token=TIHAT0001')))).toBe(401)
  })
})

describe('5. verify', () => {
  test('answers a bad token with 200', async () => {
    const hub = await start()
    await signIn(hub)
    hub.expireAccessTokens()

    expectAnswer(await send(hub.url, VERIFY), NOT_VERIFIED)
    expectAnswer(await send(hub.url, get('/contoso/oauth2/v1/verify/')), NOT_VERIFIED)
  })

  test('says for whom a good token is, in the query or in the header', async () => {
    const clock = { ms: 0 }
    const hub = await start({}, { now: () => clock.ms })
    await signIn(hub)
    clock.ms += 600_400

    const inQuery = await send(hub.url, VERIFY)
    const inHeader = await send(hub.url, get('/contoso/oauth2/v1/verify', 'Bearer TIHAT0001'))

    expect(inQuery.body).toBe(
      '{"audience":"tih-client-01","scope":"profile.read","expires_in":2999,' +
        '"resource_owner_identity_verified":0,"authentication_strength":1,"account_provider":"The Identity Hub"}',
    )
    expect(inHeader.body).toBe(inQuery.body)
  })
})

describe('6. token errors', () => {
  test('a refresh token that was used', async () => {
    const hub = await start()
    await signIn(hub)
    await send(hub.url, REFRESH)

    expectError(await send(hub.url, REFRESH), 'invalid_grant')
    expect(hub.counters.deadRefreshTokens).toBe(1)
  })
})

describe('7. revoke', () => {
  test('ends an access token', async () => {
    const hub = await start()
    await signIn(hub)
    await send(hub.url, REFRESH)

    expectAnswer(await send(hub.url, REVOKE), 'HTTP/1.1 200 OK')

    const call = API_CALL.replace('TIHAT0001', 'TIHAT0002')
    expect(statusOf(await send(hub.url, call))).toBe(401)
    expect(statusOf(await send(hub.url, REFRESH.replace('TIHRT0001', 'TIHRT0002')))).toBe(200)
  })

  test.each([
    ['another hint', 'hint=access_token', 'hint=refresh_token', 'unsupported_token_type'],
    ['a refresh token', 'TIHAT0002', 'TIHRT0002', 'unsupported_token_type'],
    ['an unknown token', 'TIHAT0002', 'TIHAT0009', 'invalid_token'],
    ['no token', 'token=TIHAT0002', 'token=', 'invalid_request'],
    ['another client', 'tih-client-01', 'tih-client-02', 'invalid_client'],
    ['no hint', '&token_type_hint=access_token', '', 'invalid_request'],
  ])('fails with %s', async (_, right, wrong, error) => {
    const hub = await start()
    await signIn(hub)
    await send(hub.url, REFRESH)

    expectError(await send(hub.url, REVOKE.replace(right, wrong)), error)
  })

  test('revocationHintRequired off: works without the hint, as the older page has it', async () => {
    const hub = await start({ revocationHintRequired: false })
    await signIn(hub)
    await send(hub.url, REFRESH)

    expectAnswer(await send(hub.url, REVOKE.replace('&token_type_hint=access_token', '')), 'HTTP/1.1 200 OK')
  })
})

describe('8. discovery', () => {
  const documentAt = (issuer: string, origin: string, certs: string, slash = ''): string => `
HTTP/1.1 200 OK

{"issuer":"${issuer}",
 "authorization_endpoint":"${origin}/contoso/oauth2/v1/auth${slash}",
 "token_endpoint":"${origin}/contoso/oauth2/v1/token${slash}",
 "userinfo_endpoint":"${origin}/contoso/oauth2/v1/userinfo${slash}",
 "jwks_uri":"${origin}/contoso/${certs}${slash}",
 "claims_parameter_supported":false}`
  const APP = '/contoso/App/tih-client-01'

  test('the document of the tenant', async () => {
    const { url } = await start()

    const answer = await send(url, get('/contoso/.well-known/openid-configuration'))

    expectAnswer(answer, documentAt(`${url}/contoso`, url, 'oauth2/v1/certs'))
  })

  test('has slashes where only they work', async () => {
    const { url } = await start({ slash: 'with' })

    const answer = await send(url, get('/contoso/.well-known/openid-configuration'))

    expectAnswer(answer, documentAt(`${url}/contoso`, url, 'oauth2/v1/certs', '/'))
  })

  test('appLevelDiscovery: the document of the app, with the issuer of the tenant', async () => {
    const { url } = await start({ appLevelDiscovery: true })

    const answer = await send(url, get(`${APP}/.well-known/openid-configuration`))

    expectAnswer(answer, documentAt(`${url}/contoso`, url, 'App/tih-client-01/oauth2/v1/certs'))
  })

  test('appLevelIssuer: the document of the app with an issuer of its own', async () => {
    const hub = await start({ appLevelDiscovery: true, appLevelIssuer: 'app' })

    const answer = await send(hub.url, get(`${APP}/.well-known/openid-configuration`))

    expectAnswer(answer, documentAt(`${hub.url}${APP}`, hub.url, 'App/tih-client-01/oauth2/v1/certs'))
    expect(decodeJwt(String(membersOf(await signIn(hub))['id_token'])).iss).toBe(`${hub.url}${APP}`)
  })

  test('appLevelDiscovery: ID Tokens are signed with the certificate of the app, not with that of the tenant', async () => {
    const hub = await start({ appLevelDiscovery: true })
    const idToken = String(membersOf(await signIn(hub))['id_token'])
    const ofApp = await keysAt(hub, `${APP}/oauth2/v1/certs`)
    const ofTenant = await keysAt(hub, '/contoso/oauth2/v1/certs')

    const verified = await jwtVerify(idToken, createLocalJWKSet(ofApp), { issuer: `${hub.url}/contoso` })

    expect(verified.protectedHeader.kid).toBe('a1')
    const impostor = { keys: ofTenant.keys.map((key) => ({ ...key, kid: 'a1' })) }
    await expect(jwtVerify(idToken, createLocalJWKSet(impostor))).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  })

  test('there is no document of the app without a certificate of its own', async () => {
    const { url } = await start()

    expect(statusOf(await send(url, get(`${APP}/.well-known/openid-configuration`)))).toBe(404)
    expect(statusOf(await send(url, get(`${APP}/oauth2/v1/certs`)))).toBe(404)
  })
})

describe('faults', () => {
  test('a refresh whose answer was lost cannot be repeated', async () => {
    const hub = await start()
    await signIn(hub)
    hub.faults.token.dropAnswers = 1

    await expect(send(hub.url, REFRESH)).rejects.toThrow('cut')

    expectError(await send(hub.url, REFRESH), 'invalid_grant')
  })

  test.each([
    ['token', REFRESH],
    ['token', REVOKE],
    ['api', API_CALL],
    ['api', VERIFY],
    ['api', get('/contoso/oauth2/v1/userinfo')],
  ] as const)('of %s are those of %s', async (kind, request) => {
    const hub = await start()
    hub.faults[kind].failAnswers = 1

    expect(statusOf(await send(hub.url, AUTHORIZE))).toBe(302)
    expect(statusOf(await send(hub.url, request))).toBe(500)
  })
})

describe('switches', () => {
  test('tenants: another tenant is not found, wherever it stands', async () => {
    const hub = await start()
    await signIn(hub)

    const answers = await Promise.all(
      [AUTHORIZE, EXCHANGE, REFRESH, API_CALL, VERIFY, REVOKE, get('/contoso/.well-known/openid-configuration')].map(
        (transcript) => send(hub.url, transcript.replace('/contoso/', '/fabrikam/')),
      ),
    )

    expect(answers.map(statusOf)).toEqual(Array(answers.length).fill(404))
  })

  test('tenants: what one tenant has issued is no good in another', async () => {
    const hub = await start({ tenants: ['contoso', 'fabrikam'] })
    const abroad = (transcript: string): Promise<WireAnswer> =>
      send(hub.url, transcript.replace('/contoso/', '/fabrikam/'))
    await send(hub.url, AUTHORIZE)

    expectError(await abroad(EXCHANGE), 'invalid_grant')
    const { id_token: idToken } = membersOf(await send(hub.url, EXCHANGE))
    expectError(await abroad(REFRESH), 'invalid_grant')
    expect(statusOf(await abroad(API_CALL))).toBe(401)
    expectAnswer(await abroad(VERIFY), NOT_VERIFIED)
    expectError(await abroad(REVOKE.replace('TIHAT0002', 'TIHAT0001')), 'invalid_token')

    expect(decodeJwt(String(idToken)).iss).toBe(`${hub.url}/contoso`)
    await abroad(AUTHORIZE)
    const code = header(await abroad(AUTHORIZE), 'location')?.match(/code=([^&]+)/)?.[1] ?? ''
    const there = membersOf(await abroad(EXCHANGE.replace('X1Y2Z3', code)))
    expect(decodeJwt(String(there['id_token'])).iss).toBe(`${hub.url}/fabrikam`)
  })

  test.each([
    ['both', 'with', true],
    ['both', 'without', true],
    ['with', 'with', true],
    ['with', 'without', false],
    ['without', 'with', false],
    ['without', 'without', true],
  ] as const)('slash %s: endpoints %s one are found: %s', async (slash, sent, found) => {
    const hub = await start({ slash })
    const place = (transcript: string): string =>
      sent === 'with' ? transcript : transcript.replace(/(auth|token|verify|revoke)\/(?=[ ?])/, '$1')

    const answers: WireAnswer[] = []
    for (const transcript of [AUTHORIZE, EXCHANGE, REFRESH, VERIFY, REVOKE]) {
      answers.push(await send(hub.url, place(transcript)))
    }

    expect(answers.map(statusOf)).toEqual(found ? [302, 200, 200, 200, 200] : Array(5).fill(404))
  })

  test('clientType public: no secret is asked for', async () => {
    const hub = await start({ clientType: 'public' }, { idToken: ID_TOKEN })
    const secret = '&client_secret=tih-secret-01'
    await send(hub.url, AUTHORIZE)

    expectAnswer(await send(hub.url, EXCHANGE.replace(secret, '')), TOKENS)
    expectAnswer(await send(hub.url, REFRESH.replace(secret, '')), NEW_TOKENS)
    expectError(await send(hub.url, REFRESH.replace('tih-client-01', 'tih-client-02')), 'invalid_client')
  })

  test('openid off: no ID Token, though openid was asked for', async () => {
    const hub = await start({ openid: false })

    expect(membersOf(await signIn(hub))).not.toHaveProperty('id_token')
  })

  test('reduceScope: less is granted than was asked for', async () => {
    const hub = await start({ reduceScope: ['files.write'] })
    await send(hub.url, AUTHORIZE.replace('profile.read', 'profile.read%20files.write'))

    expect(membersOf(await send(hub.url, EXCHANGE))).toMatchObject({ scope: 'profile.read' })
    expect(membersOf(await send(hub.url, REFRESH))).toMatchObject({ scope: 'profile.read' })
    expect(membersOf(await send(hub.url, VERIFY))).toMatchObject({ scope: 'profile.read' })
  })

  test('omitScope: token responses have no scope', async () => {
    const hub = await start({ omitScope: true })

    expect(membersOf(await signIn(hub))).not.toHaveProperty('scope')
    expect(membersOf(await send(hub.url, REFRESH))).not.toHaveProperty('scope')
  })

  test('expiresInAsString: the lifetime is text', async () => {
    const hub = await start({ expiresInAsString: true })

    expect(membersOf(await signIn(hub))).toMatchObject({ expires_in: '3600' })
  })

  test('blockUser: the next refresh ends in invalid_grant', async () => {
    const hub = await start()
    await signIn(hub)

    hub.switches.blockUser = true

    expectError(await send(hub.url, REFRESH), 'invalid_grant')
    hub.switches.blockUser = false
    expectAnswer(await send(hub.url, REFRESH), NEW_TOKENS)
  })

  test('rotateOld lives: a refresh token that was used works again', async () => {
    const hub = await start({ rotateOld: 'lives' })
    await signIn(hub)
    await send(hub.url, REFRESH)

    const { refresh_token: third } = membersOf(await send(hub.url, REFRESH))

    expect(third).toMatch(/^[0-9a-f]{64}$/)
  })

  test('invalidClientStatus: wrong credentials are answered with 401', async () => {
    const hub = await start({ invalidClientStatus: 401 })

    const answer = await send(hub.url, EXCHANGE.replace('tih-secret-01', 'wrong'))

    expect(answer).toMatchObject({ statusLine: 'HTTP/1.1 401 Unauthorized', body: '{"error":"invalid_client"}' })
  })
})
