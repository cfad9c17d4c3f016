import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { hcss } from '../../lib/providers/index.ts'
import { CHALLENGE, CODE, complete, connect, REDIRECT_URI, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire } from '../support/wire.ts' // prettier-ignore

const SCOPE = 'heavyjob:read offline_access'
const CLIENT = { clientId: 'hcss-client-01', scope: SCOPE }
const TOKENS = { access_token: 'hcss-at', expires_in: 3_600, token_type: 'Bearer', refresh_token: '5E0B7C', scope: SCOPE } // prettier-ignore
const TOKEN_PATH = '/identity/connect/token'
const CALLBACK = encodeURIComponent(REDIRECT_URI)

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

describe('HCSS', () => {
  test('is one line, on its own host unless told otherwise', () => {
    expect(hcss(CLIENT)).toMatchObject({
      metadata: {
        authorizationEndpoint: 'https://api.hcssapps.com/identity/connect/authorize',
        tokenEndpoint: 'https://api.hcssapps.com/identity/connect/token',
      },
      clientAuthentication: 'none',
      idToken: 'ignore',
      rotation: 'rotating',
    })
    expect(hcss({ ...CLIENT, clientSecret: 's' }).clientAuthentication).toBe('client_secret_post')
    expect(Object.keys(hcss(CLIENT).metadata)).not.toContain('revocationEndpoint') // not documented
  })

  test('is asked as its page shows', async () => {
    const { url } = await connect(hcss({ ...CLIENT, host: wire.url })).begin(TRANSACTION, STATE)

    expect(url.origin + url.pathname).toBe(`${wire.url}/identity/connect/authorize`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'hcss-client-01',
      scope: SCOPE,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      state: STATE,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
  })

  test.each<[string, object, string]>([
    ['public, with PKCE alone', {}, ''],
    ['with a secret in the body', { clientSecret: 'hcss-secret-01' }, '&client_secret=hcss-secret-01'],
  ])('gets the code: %s', async (_what, secret, ending) => {
    wire.answers = { [TOKEN_PATH]: { body: TOKENS } }
    const server = connect(hcss({ ...CLIENT, ...secret, host: wire.url }))

    const { tokens } = await complete(server, { scope: SCOPE, session_state: 'x', iss: 'https://elsewhere.example' })

    expect(wire.to(TOKEN_PATH)).toMatchObject({
      method: 'POST',
      url: TOKEN_PATH,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `redirect_uri=${CALLBACK}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code&client_id=hcss-client-01${ending}`, // prettier-ignore
    })
    expect(tokens).toMatchObject({ refreshToken: '5E0B7C', scope: SCOPE })
    expect(tokens.refreshParameters).toBeUndefined()

    await refresh(server, '5E0B7C')
    expect(wire.to(TOKEN_PATH).body).toBe(
      `refresh_token=5E0B7C&grant_type=refresh_token&client_id=hcss-client-01${ending}`,
    )
  })

  test('may bring no refresh token', async () => {
    const { refresh_token: _none, ...bare } = TOKENS
    wire.answers = { [TOKEN_PATH]: { body: bare } }

    const { tokens } = await complete(connect(hcss({ ...CLIENT, host: wire.url })))

    expect(tokens.refreshToken).toBeUndefined()
  })

  test.each<[string, number, object | string, string]>([
    ['400 invalid_grant', 400, { error: 'invalid_grant' }, 'dead'],
    ['any 401: the customer must authorise the application again', 401, 'Unauthorized', 'dead'],
    ['400 invalid_client', 400, { error: 'invalid_client' }, 'misconfigured'],
    ['403 of a firewall', 403, '<h1>Forbidden</h1>', 'passing'],
  ])('%s', async (_what, status, body, kind) => {
    wire.answers = { [TOKEN_PATH]: { status, body } }

    const outcome = await refresh(connect(hcss({ ...CLIENT, host: wire.url })), '5E0B7C')

    expect(outcome).toMatchObject({ kind: 'failed', failure: { kind } })
  })

  test('gets the browser-like agent that its firewall may want', async () => {
    wire.answers = { [TOKEN_PATH]: { body: TOKENS } }
    const requestHeaders = { 'User-Agent': 'Mozilla/5.0 (app.example)' }

    await complete(connect(hcss({ ...CLIENT, host: wire.url, requestHeaders })))

    expect(wire.to(TOKEN_PATH).headers['user-agent']).toBe('Mozilla/5.0 (app.example)')
  })

  test('has its metadata fetched when told so, and an ID Token is demanded then', async () => {
    const issuer = 'https://behind-the-gateway.example/identity'
    wire.answers = {
      '/identity/.well-known/openid-configuration': {
        body: {
          issuer,
          authorization_endpoint: `${wire.url}/identity/connect/authorize`,
          token_endpoint: `${wire.url}${TOKEN_PATH}`,
          jwks_uri: `${wire.url}/keys`,
        },
      },
    }
    const provider = hcss({ ...CLIENT, scope: 'openid heavyjob:read', host: wire.url, discovery: true })

    const { url } = await connect(provider).begin(TRANSACTION, STATE)

    expect(provider.idToken).toBe('validate')
    expect(url.searchParams.get('nonce')).toBe(TRANSACTION.nonce)
  })

  test.each<[string, object]>([
    ['missing', { clientId: 'c' }],
    ['empty', { clientId: 'c', scope: '' }],
    ['blank', { clientId: 'c', scope: ' ' }],
  ])('assigns the scope, and it is %s', (_what, options) => {
    expect(() => hcss(options as Parameters<typeof hcss>[0])).toThrow(/^hcss\(\): "scope" /)
  })
})
