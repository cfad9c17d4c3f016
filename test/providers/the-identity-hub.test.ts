import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { theIdentityHub } from '../../lib/providers/index.ts'
import { CHALLENGE, CODE, complete, connect, NONCE, REDIRECT_URI, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire } from '../support/wire.ts' // prettier-ignore

const CLIENT = { clientId: 'tih-client-01', clientSecret: 'tih-secret-01', tenant: 'contoso' }
const TOKENS = { access_token: 'TIHAT0001', token_type: 'bearer', expires_in: 3_600, scope: 'profile.read', refresh_token: 'TIHRT0001' } // prettier-ignore
const CALLBACK = encodeURIComponent(REDIRECT_URI)
const TOKEN_PATH = '/contoso/oauth2/v1/token'

let wire: Wire
let key: CryptoKey
let jwk: JWK
beforeAll(async () => {
  wire = await startWire()
  const pair = await generateKeyPair('RS256')
  key = pair.privateKey
  jwk = { ...(await exportJWK(pair.publicKey)), kid: 't1', alg: 'RS256' }
})
beforeEach(() => {
  wire.answers = { [TOKEN_PATH]: { body: TOKENS }, '/contoso/oauth2/v1/certs': { body: { keys: [jwk] } } }
})
afterAll(() => wire.close())

async function idToken(issuer: string): Promise<string> {
  const claims = new SignJWT({ nonce: NONCE }).setProtectedHeader({ alg: 'RS256', kid: 't1' })
  return claims.setIssuer(issuer).setAudience('tih-client-01').setSubject('u1').setIssuedAt().setExpirationTime('1h').sign(key) // prettier-ignore
}

describe('The Identity Hub', () => {
  test.each([
    ['https://www.theidentityhub.com', {}],
    ['https://hub.example', { host: 'hub.example' }],
    ['https://hub.example', { host: 'https://hub.example/' }],
    ['https://hub.example/identity', { host: 'https://hub.example/identity' }],
    ['https://hub.example/identity', { host: 'hub.example/identity/' }],
  ])('is one line, at %s', (base, host) => {
    expect(theIdentityHub({ ...CLIENT, ...host })).toMatchObject({
      discoveryUrl: undefined,
      metadata: {
        issuer: `${base}/contoso`,
        authorizationEndpoint: `${base}/contoso/oauth2/v1/auth`,
        tokenEndpoint: `${base}/contoso/oauth2/v1/token`,
        userInfoEndpoint: `${base}/contoso/oauth2/v1/userinfo`,
        revocationEndpoint: `${base}/contoso/oauth2/v1/revoke`,
        jwksUri: `${base}/contoso/oauth2/v1/certs`,
      },
      idToken: 'validate',
      revocation: 'access_token',
      identity: { url: `${base}/contoso/api/identity/v1`, subject: 'identityId' },
    })
  })

  test('is asked as its page shows; with openid there is a nonce', async () => {
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, scope: 'openid profile.read' }))

    const { url } = await server.begin(TRANSACTION, STATE)

    expect(url.origin + url.pathname).toBe(`${wire.url}/contoso/oauth2/v1/auth`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'tih-client-01',
      redirect_uri: REDIRECT_URI,
      scope: 'openid profile.read',
      state: STATE,
      nonce: NONCE,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
  })

  test('without a scope none is sent', async () => {
    const { url } = await connect(theIdentityHub({ ...CLIENT, host: wire.url })).begin(TRANSACTION, STATE)

    expect([url.searchParams.has('scope'), url.searchParams.has('nonce')]).toEqual([false, false])
  })

  test('with openid the ID Token of the tenant says who has signed in', async () => {
    wire.answers[TOKEN_PATH] = { body: { ...TOKENS, id_token: await idToken(`${wire.url}/contoso`) } }
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, scope: 'openid profile.read' }))

    const { claims, user, tokens } = await complete(server)

    expect(wire.to(TOKEN_PATH).body).toBe(
      `redirect_uri=${CALLBACK}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code` +
        '&client_id=tih-client-01&client_secret=tih-secret-01',
    )
    expect(claims?.sub).toBe('u1')
    expect(user).toBeUndefined()
    expect(tokens.scope).toBe('profile.read')
  })

  test('and the ID Token of another tenant does not', async () => {
    wire.answers[TOKEN_PATH] = { body: { ...TOKENS, id_token: await idToken(`${wire.url}/fabrikam`) } }
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, scope: 'openid profile.read' }))

    await expect(complete(server)).rejects.toMatchObject({ code: 'ERR_AUTH_UNTRUSTED' })
  })

  test('without openid its identity API says who has signed in', async () => {
    wire.answers['/contoso/api/identity/v1'] = { body: { identityId: '7', displayName: 'Kim' } }
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, scope: 'profile.read' }))

    const { claims, user } = await complete(server)

    expect(claims).toBeUndefined()
    expect(user).toEqual({ sub: '7', identityId: '7', displayName: 'Kim' })
    expect(wire.to('/contoso/api/identity/v1')).toMatchObject({
      method: 'GET',
      url: '/contoso/api/identity/v1', // the token is in the header alone
      headers: { authorization: 'Bearer TIHAT0001' },
    })
  })

  test('rotates at a refresh, which has the credentials and nothing else', async () => {
    const outcome = await refresh(connect(theIdentityHub({ ...CLIENT, host: wire.url })), 'TIHRT0000')

    expect(wire.to(TOKEN_PATH).body).toBe(
      'refresh_token=TIHRT0000&grant_type=refresh_token&client_id=tih-client-01&client_secret=tih-secret-01',
    )
    expect(outcome).toMatchObject({ kind: 'refreshed', tokens: { refreshToken: 'TIHRT0001' } })
  })

  test('revokes access tokens alone, and has to be told that it is one', async () => {
    wire.answers['/contoso/oauth2/v1/revoke'] = {}
    const { clientSecret: _none, ...publicClient } = CLIENT
    const server = connect(theIdentityHub({ ...publicClient, host: wire.url }))

    await server.revoke({ accessToken: 'TIHAT0002', tokenType: 'Bearer', refreshToken: 'TIHRT0002' })

    expect(wire.to('/contoso/oauth2/v1/revoke').body).toBe(
      'token_type_hint=access_token&token=TIHAT0002&client_id=tih-client-01',
    )
  })

  test('an application with metadata of its own: with the issuer of the tenant, and keys of its own', async () => {
    const tenant = `${wire.url}/contoso`
    wire.answers['/contoso/App/app-7/.well-known/openid-configuration'] = {
      body: {
        issuer: tenant,
        authorization_endpoint: `${tenant}/oauth2/v1/auth`,
        token_endpoint: `${tenant}/oauth2/v1/token`,
        jwks_uri: `${tenant}/App/app-7/certs`,
      },
    }
    wire.answers['/contoso/App/app-7/certs'] = { body: { keys: [jwk] } }
    wire.answers['/contoso/oauth2/v1/certs'] = { body: { keys: [] } }
    wire.answers[TOKEN_PATH] = { body: { ...TOKENS, id_token: await idToken(tenant) } }
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, scope: 'openid', appId: 'app-7' }))

    expect((await complete(server)).claims?.sub).toBe('u1')
    // What the document leaves out is where it is documented.
    wire.answers['/contoso/oauth2/v1/revoke'] = {}
    await server.revoke({ accessToken: 'TIHAT0002', tokenType: 'Bearer' })
    expect(wire.to('/contoso/oauth2/v1/revoke').body).toContain('token=TIHAT0002')
  })

  test('with `discovery: true` the document must be of the tenant', async () => {
    const document = (issuer: string): object => ({
      issuer,
      authorization_endpoint: `${wire.url}/elsewhere`,
      token_endpoint: `${wire.url}${TOKEN_PATH}`,
    })
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, discovery: true }))
    const path = '/contoso/.well-known/openid-configuration'

    wire.answers[path] = { body: document(`${wire.url}/fabrikam`) }
    await expect(server.begin(TRANSACTION, STATE)).rejects.toMatchObject({ code: 'ERR_AUTH_MISCONFIGURED' })

    wire.answers[path] = { body: document(`${wire.url}/contoso`) }
    expect((await server.begin(TRANSACTION, STATE)).url.pathname).toBe('/elsewhere')
  })

  test.each(['', 'con/toso', '/contoso', 'contoso/', '..', '.', 'con toso', 'contoso?x=1', 'con%2Ftoso', 'contoso#'])(
    'the tenant %j is none',
    (tenant) => {
      expect(() => theIdentityHub({ ...CLIENT, tenant })).toThrow(/^theIdentityHub\(\): "tenant" must be /)
    },
  )

  test('the wrong tenant: a page that is not there, and not somebody else’s', async () => {
    const server = connect(theIdentityHub({ ...CLIENT, host: wire.url, tenant: 'contosso' }))

    await expect(complete(server)).rejects.toMatchObject({ code: 'ERR_AUTH_MISCONFIGURED', message: expect.stringContaining('tenant') }) // prettier-ignore
  })
})
