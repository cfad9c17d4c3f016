import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { privo } from '../../lib/providers/index.ts'
import { CHALLENGE, CODE, complete, connect, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire } from '../support/wire.ts' // prettier-ignore

const CLIENT = { clientId: 'partner01', clientSecret: 'secret01' }
const ROUTE = 'https://app.example/auth/privo/callback'
const REGISTERED = `${ROUTE}?`
const CALLBACK = encodeURIComponent(REGISTERED)
const TOKENS = { access_token: 'privo-at', token_type: 'Bearer', refresh_token: '8aBcDeFgH1', expires_in: 599, id_token: 'e.y.J' } // prettier-ignore
const CODE_REQUEST = `redirect_uri=${CALLBACK}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code`

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
beforeEach(() => {
  const paths = ['/auth/token', '/oauth/token', '/token']
  wire.answers = {
    ...Object.fromEntries(paths.map((path) => [path, { body: TOKENS }])),
    '/userinfo': { body: { sub: 'u1', given_name: 'Kim' } },
  }
})
afterAll(() => wire.close())

describe('PRIVO', () => {
  test('is one line', () => {
    expect(privo({ host: 'https://privo.example/', ...CLIENT })).toMatchObject({
      metadata: {
        authorizationEndpoint: 'https://privo.example/oauth/authorize',
        tokenEndpoint: 'https://privo.example/auth/token',
        userInfoEndpoint: 'https://privo.example/userinfo',
        endSessionEndpoint: 'https://privo.example/logout',
      },
      scope: 'openid profile user_profile additional_info offline_access',
      clientAuthentication: 'client_secret_basic_raw',
      rotation: 'reusable',
      refreshEndsAccessToken: true,
      idToken: 'ignore',
      idTokenSigningAlg: 'RS256',
      defaultExpiresIn: 599,
    })
  })

  test.each<['get' | 'post-query' | 'post' | undefined, 'get' | 'post']>([
    [undefined, 'get'],
    ['post-query', 'post'],
    ['post', 'post'],
  ])('is asked with authorizationRequest %p, the redirect URI byte for byte', async (how, expected) => {
    const provider = privo({ host: wire.url, ...CLIENT, redirectUri: REGISTERED, authorizationRequest: how })

    const { url, method, fields } = await connect(provider, ROUTE).begin(TRANSACTION, STATE)

    expect(method).toBe(expected)
    expect(url.origin + url.pathname).toBe(`${wire.url}/oauth/authorize`)
    expect([...url.searchParams].length === 0).toBe(how === 'post')
    const sent = how === 'post' ? fields : [...url.searchParams]
    expect(Object.fromEntries(sent)).toEqual({
      response_type: 'code',
      client_id: 'partner01',
      redirect_uri: REGISTERED,
      scope: 'openid profile user_profile additional_info offline_access',
      state: STATE,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
    expect(url.search.includes(`redirect_uri=${CALLBACK}`)).toBe(how !== 'post')
  })

  test.each<
    [string, object, { url: string; contentType: string | undefined; authorization: string | undefined; body: string }]
  >([
    // prettier-ignore
    [
      'by default: a form, raw Basic',
      {},
      {
        url: '/auth/token',
        contentType: 'application/x-www-form-urlencoded',
        authorization: 'Basic cGFydG5lcjAxOnNlY3JldDAx',
        body: CODE_REQUEST,
      },
    ],
    [
      'as the code page writes it: the same form, labelled JSON',
      { tokenRequestContentType: 'application/json' },
      {
        url: '/auth/token',
        contentType: 'application/json',
        authorization: 'Basic cGFydG5lcjAxOnNlY3JldDAx',
        body: CODE_REQUEST,
      },
    ],
    [
      'as the token pages write it: all in the URL, another path',
      { tokenEndpoint: '/oauth/token', tokenRequest: 'query', clientAuthentication: 'client_secret_post' },
      {
        url: `/oauth/token?${CODE_REQUEST}&client_id=partner01&client_secret=secret01`,
        contentType: undefined,
        authorization: undefined,
        body: '',
      },
    ],
    [
      'as the token pages write a refresh: the same with a label on nothing',
      {
        tokenEndpoint: '/token',
        tokenRequest: 'query',
        clientAuthentication: 'client_secret_post',
        tokenRequestContentType: 'application/x-www-form-urlencoded',
      },
      {
        url: `/token?${CODE_REQUEST}&client_id=partner01&client_secret=secret01`,
        contentType: 'application/x-www-form-urlencoded',
        authorization: undefined,
        body: '',
      },
    ],
    [
      'as the working integration does: the third path',
      { tokenEndpoint: '/token' },
      {
        url: '/token',
        contentType: 'application/x-www-form-urlencoded',
        authorization: 'Basic cGFydG5lcjAxOnNlY3JldDAx',
        body: CODE_REQUEST,
      },
    ],
    [
      'without PKCE, which it does not document',
      { pkce: 'off' },
      {
        url: '/auth/token',
        contentType: 'application/x-www-form-urlencoded',
        authorization: 'Basic cGFydG5lcjAxOnNlY3JldDAx',
        body: `redirect_uri=${CALLBACK}&code=${CODE}&grant_type=authorization_code`,
      },
    ],
  ])('gets the code %s', async (_what, options, expected) => {
    const server = connect(privo({ host: wire.url, ...CLIENT, redirectUri: REGISTERED, ...options }), ROUTE)

    const { user, tokens } = await complete(server)

    const { url, headers, body } = wire.requests.findLast(({ method }) => method === 'POST') ?? wire.to('/none')
    expect({ url, contentType: headers['content-type'], authorization: headers.authorization, body }).toEqual(expected)
    expect(user).toMatchObject({ sub: 'u1' })
    expect(tokens.idToken).toBeUndefined()
  })

  test.each<[string, string, string]>([
    ['raw', 'client_secret_basic_raw', 'partner 01:s-e_c.r~e+t/%:1'],
    ['form-encoded', 'client_secret_basic', 'partner+01:s-e_c.r%7Ee%2Bt%2F%25%3A1'],
  ])('a secret with special characters, %s', async (_what, method, credentials) => {
    const clientAuthentication = method as 'client_secret_basic_raw'
    const server = connect(privo({ host: wire.url, clientId: 'partner 01', clientSecret: 's-e_c.r~e+t/%:1', clientAuthentication })) // prettier-ignore

    await complete(server)

    expect(wire.to('/auth/token').headers.authorization).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`)
  })

  test('a colon in the client id cannot be written in raw Basic', () => {
    expect(() => privo({ host: 'privo.example', clientId: 'a:b', clientSecret: 'hush' })).toThrow(
      /^privo\(\): "clientId" must not contain ":" /,
    )
    expect(() => privo({ host: 'privo.example', clientId: 'a:b', clientSecret: 'hush', clientAuthentication: 'client_secret_basic' })).not.toThrow() // prettier-ignore
  })

  test('sends the refresh token that stays good, and keeps it when none comes back', async () => {
    const outcome = await refresh(connect(privo({ host: wire.url, ...CLIENT })), '8aBcDeFgH1')

    expect(wire.to('/auth/token').body).toBe('refresh_token=8aBcDeFgH1&grant_type=refresh_token')
    expect(outcome).toMatchObject({ kind: 'refreshed', idToken: 'none', tokens: { lifetimeMs: 599_000 } })
  })

  test.each<[string, number, string, string, string]>([
    ['a dead refresh token', 401, 'invalid_token', 'Bearer error="invalid_token", error_description="Invalid refresh token: 8aBcDeFgH1"', 'dead'], // prettier-ignore
    ['wrong Basic credentials', 401, 'unauthorized', 'Bearer realm="openidconnect", error="unauthorized", error_description="Bad credentials"', 'misconfigured'], // prettier-ignore
    ['wrong parameter credentials', 401, 'invalid_client', 'Form realm="oauth", error="invalid_client"', 'misconfigured'], // prettier-ignore
  ])('%s, in its own words', async (_what, status, error, challenge, kind) => {
    const body = { error, error_description: 'Invalid refresh token: 8aBcDeFgH1' }
    wire.answers['/auth/token'] = { status, body, headers: { 'www-authenticate': challenge } }

    const outcome = await refresh(connect(privo({ host: wire.url, ...CLIENT })), '8aBcDeFgH1')

    expect(outcome).toMatchObject({ kind: 'failed', failure: { kind, error } })
    expect(inspect(outcome, { depth: 9, showHidden: true })).not.toContain('8aBcDeFgH1')
  })

  test('says who has signed in, and little of what it knows about children goes into the session', async () => {
    const claims = { given_name: 'Kim', preferred_username: 'kim7', role_identifier: 'child' }
    wire.answers['/userinfo'] = { body: { sub: 'u1', ...claims, parent_email: 'p@example.com', minor: true, iss: 'x', exp: 1 } } // prettier-ignore

    expect((await complete(connect(privo({ host: wire.url, ...CLIENT })))).user).toEqual({ sub: 'u1', ...claims })
    const all = await complete(connect(privo({ host: wire.url, ...CLIENT, identity: 'userinfo' })))
    expect(all.user).toEqual({ sub: 'u1', ...claims, parent_email: 'p@example.com', minor: true })
  })

  test('may want a service id at UserInfo', async () => {
    await complete(connect(privo({ host: wire.url, ...CLIENT, userInfoParameters: { service_id: 'svc 1' } })))

    expect(wire.to('/userinfo').url).toBe('/userinfo?service_id=svc+1')
  })

  test('signs out at its logout page, unless told not to', async () => {
    const url = await connect(privo({ host: wire.url, ...CLIENT })).endSessionUrl(undefined, 'https://app.example/bye')
    expect(url?.href).toBe(`${wire.url}/logout?post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&client_id=partner01`) // prettier-ignore

    const local = connect(privo({ host: wire.url, ...CLIENT, endSessionEndpoint: false }))
    expect(await local.endSessionUrl(undefined, 'https://app.example/bye')).toBeUndefined()
  })

  test('has an ID Token to validate once its keys are known', () => {
    const known = { issuer: 'https://privo.example/', jwksUri: '/jwk' }
    expect(privo({ host: 'privo.example', ...CLIENT, ...known })).toMatchObject({
      idToken: 'validate',
      metadata: { issuer: 'https://privo.example/', jwksUri: 'https://privo.example/jwk' },
    })
    expect(() => privo({ host: 'privo.example', ...CLIENT, issuer: 'https://privo.example/' })).toThrow(
      /"issuer" is not enough to validate ID Tokens: it needs "jwksUri"/,
    )
    expect(privo({ host: 'privo.example', ...CLIENT, discovery: true })).toMatchObject({
      idToken: 'validate',
      discoveryUrl: 'https://privo.example/.well-known/openid-configuration',
    })
    expect(() => privo({ host: 'privo.example', ...CLIENT, idToken: 'validate' })).toThrow(
      /"idToken" cannot be validated/,
    )
  })

  test('needs a secret', () => {
    const options = { host: 'privo.example', clientId: 'partner01' } as Parameters<typeof privo>[0]

    expect(() => privo(options)).toThrow(/^privo\(\): "clientSecret" is missing/)
  })
})
