import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { healthkey } from '../../lib/providers/index.ts'
import { CHALLENGE, CODE, complete, connect, REDIRECT_URI, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire } from '../support/wire.ts' // prettier-ignore

const CLIENT = { clientId: 'hk-client-01', clientSecret: 'hk-secret-01' }
const TOKENS = { access_token: 'hk-at', token_type: 'bearer', expires_in: 36_000, refresh_token: 'hk-rt', created_at: 1_735_689_600 } // prettier-ignore
const CALLBACK = encodeURIComponent(REDIRECT_URI)

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
  wire.answers = { '/o/token/': { body: TOKENS } }
})
afterAll(() => wire.close())

describe('HealthKey', () => {
  test('is one line', () => {
    const provider = healthkey({ host: 'auth.healthkey.example', ...CLIENT })

    expect(provider).toMatchObject({
      name: 'HealthKey',
      metadata: {
        authorizationEndpoint: 'https://auth.healthkey.example/o/authorize/',
        tokenEndpoint: 'https://auth.healthkey.example/o/token/',
      },
      discoveryUrl: undefined,
      scope: 'profile',
      rotation: 'rotating',
      refreshEndsAccessToken: true,
      defaultExpiresIn: 36_000,
      idToken: 'ignore',
    })
  })

  test('is asked as its page shows, with state and PKCE and without a nonce', async () => {
    const server = connect(healthkey({ host: wire.url, ...CLIENT, scope: 'profile payment' }))

    const { url, method } = await server.begin(TRANSACTION, STATE)

    expect(method).toBe('get')
    expect(url.origin + url.pathname).toBe(`${wire.url}/o/authorize/`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'hk-client-01',
      redirect_uri: REDIRECT_URI,
      scope: 'profile payment',
      state: STATE,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })
  })

  test('gets the code in the body, and nothing in the URL', async () => {
    const server = connect(healthkey({ host: wire.url, ...CLIENT }))

    const { tokens, claims, user } = await complete(server)

    const { method, url, headers, body } = wire.to('/o/token/')
    expect([method, url]).toEqual(['POST', '/o/token/'])
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(headers.authorization).toBeUndefined()
    expect(body).toBe(
      `redirect_uri=${CALLBACK}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code` +
        '&client_id=hk-client-01&client_secret=hk-secret-01',
    )
    expect(tokens).toMatchObject({ accessToken: 'hk-at', tokenType: 'Bearer', lifetimeMs: 36_000_000 })
    expect([claims, user]).toEqual([undefined, undefined])
  })

  test('as its page documents: all in the URL, an empty body without a label', async () => {
    const server = connect(healthkey({ host: wire.url, ...CLIENT, tokenRequest: 'query' }))

    const { tokens } = await complete(server)

    const { method, url, headers, body } = wire.to('/o/token/')
    expect(method).toBe('POST')
    expect(url).toBe(
      `/o/token/?redirect_uri=${CALLBACK}&code=${CODE}&code_verifier=${VERIFIER}&grant_type=authorization_code` +
        '&client_id=hk-client-01&client_secret=hk-secret-01',
    )
    expect([body, headers['content-length'], headers['content-type']]).toEqual(['', '0', undefined])
    expect(tokens.accessToken).toBe('hk-at')
  })

  test('gets redirect URI and verifier of the sign-in with each refresh', async () => {
    const server = connect(healthkey({ host: wire.url, ...CLIENT }))
    const { tokens } = await complete(server)
    expect(tokens.refreshParameters).toEqual({ redirect_uri: REDIRECT_URI, code_verifier: VERIFIER })

    await refresh(server, 'hk-rt', { parameters: tokens.refreshParameters })

    expect(wire.to('/o/token/')).toMatchObject({
      url: '/o/token/',
      body: `redirect_uri=${CALLBACK}&code_verifier=${VERIFIER}&refresh_token=hk-rt&grant_type=refresh_token&client_id=hk-client-01&client_secret=hk-secret-01`, // prettier-ignore
    })
  })

  test('as its page documents a refresh: in the URL, and without the secret', async () => {
    const documented = { tokenRequest: 'query', refreshRequest: { clientAuthentication: false } } as const
    const server = connect(healthkey({ host: wire.url, ...CLIENT, ...documented }))

    const parameters = { redirect_uri: REDIRECT_URI, code_verifier: VERIFIER }
    await refresh(server, 'hk-rt', { parameters })

    expect(wire.to('/o/token/')).toMatchObject({
      url: `/o/token/?redirect_uri=${CALLBACK}&code_verifier=${VERIFIER}&refresh_token=hk-rt&grant_type=refresh_token&client_id=hk-client-01`, // prettier-ignore
      body: '',
    })
  })

  test('knows public clients', async () => {
    await complete(connect(healthkey({ host: wire.url, clientId: 'hk-public' })))

    expect(wire.to('/o/token/').body).toMatch(/&client_id=hk-public$/)
  })

  test('a sign-in that did not keep what a refresh repeats has to begin again: it would be refused each time', async () => {
    const sent = wire.requests.length

    const outcome = await refresh(connect(healthkey({ host: wire.url, ...CLIENT })), 'hk-rt')

    expect(outcome).toMatchObject({ kind: 'failed', failure: { kind: 'dead' } })
    expect(wire.requests).toHaveLength(sent)
  })
})
