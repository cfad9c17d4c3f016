import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { dottedsign } from '../../lib/providers/index.ts'
import { CHALLENGE, CODE, complete, connect, REDIRECT_URI, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire } from '../support/wire.ts' // prettier-ignore

const CLIENT = { clientId: 'ds-client-01', clientSecret: 'ds-secret-01' }
const TOKENS = { access_token: 'dsAT0001', token_type: 'Bearer', expires_in: 172_800, refresh_token: 'dsRT0001', created_at: 1_735_689_600 } // prettier-ignore
const TOKEN_PATH = '/v1/oauth/token'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
beforeEach(() => {
  wire.answers = { [TOKEN_PATH]: { body: TOKENS } }
})
afterAll(() => wire.close())

describe('DottedSign', () => {
  test('is one line', () => {
    expect(dottedsign(CLIENT)).toMatchObject({
      metadata: {
        authorizationEndpoint: 'https://api.dottedsign.com/v1/oauth/authorize',
        tokenEndpoint: 'https://api.dottedsign.com/v1/oauth/token',
      },
      rotation: 'rotating-on-use',
      defaultExpiresIn: 172_800,
      expiredTokenAnswers: [{ status: 401 }, { status: 400, member: 'error_code', values: [400002, 400003, 401001] }],
    })
  })

  test.each<[string, object, object]>([
    ['without a scope, none is sent', {}, {}],
    ['with one', { scope: 'sign_tasks.general.read' }, { scope: 'sign_tasks.general.read' }],
  ])('is asked as its page shows, with state and PKCE: %s', async (_what, options, expected) => {
    const { url } = await connect(dottedsign({ ...CLIENT, host: wire.url, ...options })).begin(TRANSACTION, STATE)

    expect(url.origin + url.pathname).toBe(`${wire.url}/v1/oauth/authorize`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'ds-client-01',
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      state: STATE,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...expected,
    })
  })

  test.each<[string, object, string, string]>([
    [
      'as JSON',
      {},
      'application/json',
      JSON.stringify({
        redirect_uri: REDIRECT_URI,
        code: CODE,
        code_verifier: VERIFIER,
        grant_type: 'authorization_code',
        client_id: 'ds-client-01',
        client_secret: 'ds-secret-01',
      }),
    ],
    [
      'as a form',
      { tokenRequest: 'form' },
      'application/x-www-form-urlencoded',
      `redirect_uri=${encodeURIComponent(REDIRECT_URI)}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code&client_id=ds-client-01&client_secret=ds-secret-01`, // prettier-ignore
    ],
  ])('gets the code %s', async (_what, options, contentType, body) => {
    const { tokens } = await complete(connect(dottedsign({ ...CLIENT, host: wire.url, ...options })))

    const { url, headers, ...request } = wire.to(TOKEN_PATH)
    expect([url, headers['content-type'], request.body]).toEqual([TOKEN_PATH, contentType, body])
    expect(headers['content-length']).toBe(String(body.length))
    expect(tokens).toMatchObject({ accessToken: 'dsAT0001', refreshToken: 'dsRT0001' })
  })

  test('is refreshed as JSON', async () => {
    await refresh(connect(dottedsign({ ...CLIENT, host: wire.url })), 'dsRT0001')

    expect(JSON.parse(wire.to(TOKEN_PATH).body)).toEqual({
      client_id: 'ds-client-01',
      client_secret: 'ds-secret-01',
      grant_type: 'refresh_token',
      refresh_token: 'dsRT0001',
    })
  })

  const challenge = (error: string): Record<string, string> => ({
    'www-authenticate': `Bearer realm="Doorkeeper", error="${error}", error_description="said in its own words"`,
  })
  test.each<[string, number, object, Record<string, string>, object]>([
    ['a dead refresh token', 400, { error: 'invalid_grant', error_code: 401001 }, challenge('invalid_grant'), { kind: 'dead', error: 'invalid_grant' }], // prettier-ignore
    ['the same in its own envelope', 400, { error_code: 401001, error_key: 'invalid_grant' }, {}, { kind: 'dead', error: 'invalid_grant' }], // prettier-ignore
    ['the code as text', 400, { error_code: '401001' }, {}, { kind: 'dead' }],
    ['a wrong secret', 401, { error: 'invalid_client', error_code: 400005 }, challenge('invalid_client'), { kind: 'misconfigured', error: 'invalid_client' }], // prettier-ignore
    ['its own envelope for that', 400, { error_code: 400005 }, {}, { kind: 'misconfigured', error: 'invalid_client' }],
    ['a scope that is not allowed', 400, { error_code: 400008 }, {}, { kind: 'misconfigured', error: 'invalid_scope' }],
    ['wrong parameters', 400, { error_code: 400417, error_key: 'invalid_params' }, {}, { kind: 'misconfigured', error: 'invalid_request' }], // prettier-ignore
    ['another code of its own', 400, { error_code: 400999 }, {}, { kind: 'passing', error: undefined }],
  ])('%s, in its own words', async (_what, status, body, headers, expected) => {
    wire.answers[TOKEN_PATH] = { status, body, headers }

    const outcome = await refresh(connect(dottedsign({ ...CLIENT, host: wire.url })), 'dsRT0001')

    expect(outcome).toMatchObject({ kind: 'failed', failure: expected })
  })
})
