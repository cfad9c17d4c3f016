import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { AuthError } from '../../lib/errors.ts'
import type { RefreshOutcome } from '../../lib/protocol/authorization-server.ts'
import { oauth2, type OptionsWith } from '../../lib/providers/index.ts'
import { CODE, complete, connect, refresh, startWire, STATE, TRANSACTION, VERIFIER, type Wire, type WireAnswer } from '../support/wire.ts' // prettier-ignore

const SECRET = 'my-client_secret.~!'
const ECHOED = 'token-that-the-server-repeats'
const GOOD = { access_token: 'at', token_type: 'Bearer', expires_in: 60 }

type Options = Partial<OptionsWith<'authorizationEndpoint' | 'tokenEndpoint'>>

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

function provider(answer: WireAnswer, options: Options = {}): ReturnType<typeof oauth2> {
  wire.answers = { '/token': answer }
  return oauth2({
    clientId: 'c',
    clientSecret: SECRET,
    host: wire.url,
    authorizationEndpoint: '/authorize',
    tokenEndpoint: '/token',
    ...options,
  })
}

const failing = (outcome: RefreshOutcome): object =>
  outcome.kind === 'failed' ? outcome.failure : { kind: outcome.kind }

describe('an answer at which openid-client would stumble brings the tokens nonetheless', () => {
  const bearer = { access_token: 'at' }
  test.each<[string, WireAnswer, object]>([
    ['token_type in lower case', { body: { ...GOOD, token_type: 'bearer' } }, { tokenType: 'Bearer' }],
    ['token_type in upper case', { body: { ...GOOD, token_type: 'BEARER' } }, { tokenType: 'Bearer' }],
    ['no token_type', { body: bearer }, { tokenType: 'Bearer' }],
    ['expires_in as text', { body: { ...GOOD, expires_in: '60' } }, { lifetimeMs: 60_000 }],
    ['no expires_in', { body: bearer }, { lifetimeMs: undefined, expiresAt: undefined }],
    ['expires_in: null', { body: { ...GOOD, expires_in: null } }, { lifetimeMs: undefined }],
    ['a negative expires_in', { body: { ...GOOD, expires_in: -1 } }, { lifetimeMs: undefined }],
    ['refresh_token: null', { body: { ...GOOD, refresh_token: null } }, { refreshToken: undefined }],
    ['an empty refresh_token', { body: { ...GOOD, refresh_token: '' } }, { refreshToken: undefined }],
    ['scope: null', { body: { ...GOOD, scope: null } }, { scope: undefined }],
    ['a list as scope', { body: { ...GOOD, scope: ['a'] } }, { scope: undefined }],
    ['id_token: null', { body: { ...GOOD, id_token: null } }, { idToken: undefined }],
    ['an empty id_token', { body: { ...GOOD, id_token: '' } }, { idToken: undefined }],
    ['an ID Token that nobody asked for', { body: { ...GOOD, id_token: 'e.y.J' } }, { idToken: undefined }],
    ['members of its own', { body: { ...GOOD, created_at: 1 } }, { accessToken: 'at' }],
    ['the label text/html', { body: GOOD, headers: { 'content-type': 'text/html' } }, { accessToken: 'at' }],
    ['no label', { body: JSON.stringify(GOOD) }, { accessToken: 'at' }],
    ['a byte order mark', { body: `\uFEFF${JSON.stringify(GOOD)}` }, { accessToken: 'at' }],
    ['status 201', { status: 201, body: GOOD }, { accessToken: 'at' }],
    ['a challenge beside the tokens', { body: GOOD, headers: { 'www-authenticate': 'Bearer' } }, { accessToken: 'at' }],
    ['error: null beside the tokens', { body: { ...GOOD, error: null } }, { accessToken: 'at' }],
  ])('%s', async (_what, answer, expected) => {
    const server = connect(provider(answer))

    expect((await complete(server)).tokens).toMatchObject(expected)
    expect(await refresh(server, 'rt')).toMatchObject({ kind: 'refreshed', tokens: expected })
  })

  test('a lifetime that the provider is known for stands in for one that is not said', async () => {
    const server = connect(provider({ body: bearer }, { defaultExpiresIn: 599 }))

    expect((await complete(server)).tokens.lifetimeMs).toBe(599_000)
  })
})

describe('an error that openid-client would hide is understood', () => {
  const challenge = (error: string): Record<string, string> => ({
    'www-authenticate': `Bearer realm="x", error="${error}", error_description="${ECHOED}"`,
  })
  const dead = { kind: 'dead', error: 'invalid_grant' }
  test.each<[string, WireAnswer, object]>([
    ['in the body', { status: 400, body: { error: 'invalid_grant' } }, dead],
    ['in the body, with a challenge that says the same', { status: 400, body: { error: 'invalid_grant' }, headers: challenge('invalid_grant') }, dead], // prettier-ignore
    ['in the body, with a challenge that says nothing', { status: 400, body: { error: 'invalid_grant' }, headers: { 'www-authenticate': 'Basic realm="x"' } }, dead], // prettier-ignore
    ['in a challenge alone', { status: 400, headers: challenge('invalid_grant') }, dead],
    ['in a challenge, the body a page', { status: 401, body: '<h1>No</h1>', headers: { ...challenge('invalid_token'), 'content-type': 'text/html' } }, { kind: 'dead', error: 'invalid_token' }], // prettier-ignore
    ['beside a malformed challenge', { status: 400, body: { error: 'invalid_grant' }, headers: { 'www-authenticate': '=,"' } }, dead], // prettier-ignore
    ['labelled text/plain', { status: 400, body: { error: 'invalid_grant' }, headers: { 'content-type': 'text/plain' } }, dead], // prettier-ignore
    ['with status 200', { status: 200, body: { error: 'invalid_grant', error_description: ECHOED } }, dead],
    ['of the client, with status 200', { body: { error: 'invalid_client' } }, { kind: 'misconfigured', error: 'invalid_client' }], // prettier-ignore
    ['of the client, in a challenge', { status: 401, headers: challenge('invalid_client') }, { kind: 'misconfigured', error: 'invalid_client' }], // prettier-ignore
    ['that passes, with status 200', { body: { error: 'temporarily_unavailable' }, headers: { 'retry-after': '7' } }, { kind: 'passing', retryAfterMs: 7_000 }], // prettier-ignore
    ['in an envelope that nobody has described', { status: 400, body: { code: 7, message: ECHOED } }, { kind: 'passing', error: undefined }], // prettier-ignore
    [
      'in a word that is not registered',
      { status: 400, body: { error: ECHOED } },
      { kind: 'passing', error: undefined },
    ],
    ['that is a number', { status: 400, body: { error: 7 } }, { kind: 'passing', error: undefined }],
    [
      'a redirect because of a slash',
      { status: 301, headers: { location: '/token/' } },
      { kind: 'misconfigured', unspent: true },
    ],
    ['a token of another type', { body: { access_token: 'at', token_type: 'mac' } }, { kind: 'misconfigured', unspent: false, answered: true }], // prettier-ignore
    ['a token bound to a key', { body: { access_token: 'at', token_type: 'DPoP' } }, { kind: 'misconfigured', unspent: false, answered: true }], // prettier-ignore
    ['a page with status 200', { body: '<h1>Maintenance</h1>' }, { kind: 'passing' }],
  ])('%s', async (_what, answer, expected) => {
    const outcome = await refresh(connect(provider(answer)), ECHOED)

    expect(failing(outcome)).toMatchObject(expected)
    expect(inspect(outcome, { depth: 9, showHidden: true })).not.toContain(ECHOED)
  })

  test.each<[string, WireAnswer, object]>([
    ['by status alone', { status: 418 }, { kind: 'dead', error: 'invalid_grant' }],
    ['by status and member', { status: 400, body: { code: 'E7' } }, { kind: 'misconfigured', error: 'invalid_scope' }],
    ['at another status', { status: 403, body: { code: 'E7' } }, { kind: 'passing', error: undefined }],
    ['by a member, whatever it is', { status: 500, body: { gone: 1 } }, { kind: 'dead', error: 'invalid_grant' }],
    ['by a member with status 200', { body: { gone: 1 } }, { kind: 'dead', error: 'invalid_grant' }],
    ['before the words of RFC 6749', { status: 418, body: { error: 'invalid_client' } }, { kind: 'dead', error: 'invalid_grant' }], // prettier-ignore
    ['but not beside tokens', { body: { ...GOOD, gone: 1 } }, { kind: 'refreshed' }],
    ['nor where it asks for patience', { status: 429, body: { gone: 1 } }, { kind: 'passing' }],
  ])('in words that the provider is known for: %s', async (_what, answer, expected) => {
    const tokenErrors = [
      { status: 418, means: 'invalid_grant' },
      { status: 400, member: 'code', values: ['E7'], means: 'invalid_scope' },
      { member: 'gone', means: 'invalid_grant' },
    ] as const

    expect(failing(await refresh(connect(provider(answer, { tokenErrors })), 'rt'))).toMatchObject(expected)
  })
})

describe('a request that openid-client would write in another way', () => {
  test.each<[string, Options, string | undefined]>([
    ['Basic, form-encoded no further than it must be', {}, `c:my-client_secret.%7E%21`],
    ['raw Basic', { clientAuthentication: 'client_secret_basic_raw' }, `c:${SECRET}`],
    ['no Basic', { clientAuthentication: 'client_secret_post' }, undefined],
    ['a public client', { clientSecret: undefined }, undefined],
  ])('%s', async (_what, options, credentials) => {
    await complete(connect(provider({ body: GOOD }, options)))

    const { authorization } = wire.to('/token').headers
    expect(authorization).toBe(credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`) // prettier-ignore
  })

  test.each([
    'https://app.example/cb?',
    'https://app.example/cb?x=1',
    'https://app.example/',
    'https://app.example/a%2Fb',
  ])(
    // prettier-ignore
    'the redirect URI %s, the same bytes in both requests and at a refresh',
    async (redirectUri) => {
      const { origin, pathname } = new URL(redirectUri)
      const refreshRequest = { redirectUri: true }
      const server = connect(provider({ body: GOOD }, { redirectUri, refreshRequest }), origin + pathname)

      const { url } = await server.begin(TRANSACTION, STATE)
      const { tokens } = await complete(server)
      const sent = new URLSearchParams(wire.to('/token').body)

      expect(url.searchParams.get('redirect_uri')).toBe(redirectUri)
      expect(sent.get('redirect_uri')).toBe(redirectUri)
      expect(tokens.refreshParameters).toEqual({ redirect_uri: redirectUri })
    },
  )

  test.each([
    'https://elsewhere.example/auth/callback',
    'https://app.example/auth/callback/',
    'https://app.example/auth',
    'https://app.example:8443/auth/callback?',
  ])('the redirect URI %s, which leads to no callback of ours, is refused at construction', (redirectUri) => {
    const elsewhere = provider({}, { redirectUri })

    expect(() => connect(elsewhere)).toThrow(/"redirectUri" must lead to https:\/\/app\.example\/auth\/callback/)
  })

  test('a refresh repeats what it must of the sign-in, and a target goes before it', async () => {
    const refreshRequest = { codeVerifier: true, scope: true }
    const server = connect(provider({ body: GOOD }, { scope: 'a b', refreshRequest }))
    const { refreshParameters: parameters } = (await complete(server)).tokens
    expect(parameters).toEqual({ code_verifier: VERIFIER, scope: 'a b' })

    await refresh(server, 'rt', { parameters })
    expect(Object.fromEntries(new URLSearchParams(wire.to('/token').body))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'rt',
      code_verifier: VERIFIER,
      scope: 'a b',
    })
    await refresh(server, 'rt', { parameters, target: { scope: 'a' } })
    expect(new URLSearchParams(wire.to('/token').body).get('scope')).toBe('a')
  })

  test('an authorization endpoint with a query of its own keeps it', async () => {
    const endpoint = { authorizationEndpoint: '/authorize?realm=x' }
    const byGet = await connect(provider({}, endpoint)).begin(TRANSACTION, STATE)
    const byPost = await connect(provider({}, { ...endpoint, authorizationRequest: 'post' })).begin(TRANSACTION, STATE)

    expect(byGet.url.search).toMatch(/^\?realm=x&/)
    expect(byPost.url.href).toBe(`${wire.url}/authorize?realm=x`)
    expect(Object.fromEntries(byPost.fields)).not.toHaveProperty('realm')
    expect(new URLSearchParams(byPost.fields.map(([name, value]) => [name, value])).get('state')).toBe(STATE)
  })
})

describe('an authorization response', () => {
  test.each<[string, Record<string, string>]>([
    ['with members that are not for us', { scope: 'a', session_state: 'x' }],
    ['with an issuer that nobody has told us', { iss: 'https://whoever.example' }],
  ])('%s is taken', async (_what, extra) => {
    expect((await complete(connect(provider({ body: GOOD })), extra)).tokens.accessToken).toBe('at')
  })

  test.each<[Record<string, string>, string]>([
    [{ iss: 'https://id.example/' }, 'taken'],
    [{}, 'taken'],
    [{ iss: 'https://id.example' }, 'ERR_AUTH_TRANSACTION'],
    [{ iss: 'https://whoever.example' }, 'ERR_AUTH_TRANSACTION'],
  ])('%j, where the issuer is https://id.example/: %s', async (extra, expected) => {
    const server = connect(provider({ body: GOOD }, { issuer: 'https://id.example/' }))

    const outcome = await complete(server, extra).then(
      () => 'taken',
      (error: unknown) => (error as AuthError).code,
    )

    expect(outcome).toBe(expected)
  })
})

describe('with the parameters in the URL', () => {
  test.each<[string, WireAnswer]>([
    ['a page', { body: '<h1>Hi</h1>' }],
    ['an error', { status: 400, body: { error: 'invalid_request' } }],
    ['an error without words', { status: 403 }],
    ['a challenge', { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_client"' } }],
    ['a redirect that repeats them', { status: 302, headers: { location: `/token/?client_secret=${SECRET}` } }],
    ['no tokens', { body: { token_type: 'bearer' } }],
    ['tokens of another type', { body: { ...GOOD, token_type: 'mac' } }],
  ])('nothing of them is in what is thrown: %s', async (_what, answer) => {
    const server = connect(provider(answer, { tokenRequest: 'query', clientAuthentication: 'client_secret_post' }))

    const thrown: unknown = await complete(server).catch((error: unknown) => error)
    const outcome = await refresh(server, ECHOED)

    expect(thrown).toBeInstanceOf(AuthError)
    const shown = inspect([thrown, outcome], { depth: 12, showHidden: true })
    for (const secret of [SECRET, encodeURIComponent(SECRET), CODE, VERIFIER, ECHOED])
      expect(shown).not.toContain(secret)
  })

  test('nor if nobody is there', async () => {
    const away = await startWire()
    const tokenEndpoint = `${away.url}/token`
    await away.close()
    const query = { tokenRequest: 'query', clientAuthentication: 'client_secret_post', tokenEndpoint } as const

    const thrown: unknown = await complete(connect(provider({}, query))).catch((error: unknown) => error)

    expect(thrown).toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
    const shown = inspect(thrown, { depth: 12, showHidden: true })
    for (const secret of [SECRET, CODE, VERIFIER]) expect(shown).not.toContain(secret)
  })
})
