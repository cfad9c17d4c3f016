import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { AuthError } from '../../lib/index.ts'
import * as providers from '../../lib/providers/index.ts'
import { defineProvider, type Preset, type Provider, type ProviderFactory } from '../../lib/providers/index.ts'
import { complete, connect, startWire, STATE, TRANSACTION, type Wire } from '../support/wire.ts'

const SECRET = 'hush-hush'

/** As an application would write it. */
const acme: ProviderFactory<'tenant'> = defineProvider({
  name: 'Acme',
  factory: 'acme',
  requires: ['tenant'],
  host: 'https://id.acme.example/base/',
  authorizationEndpoint: '{host}/{tenant}/authorize/',
  tokenEndpoint: '/{tenant}/token',
  scope: 'everything',
  clientAuthentication: 'client_secret_post',
  tokenRequest: 'json',
  defaultExpiresIn: 60,
  identity: { url: '{host}/{tenant}/me', subject: 'id', within: 'data' },
  tokenErrors: [{ status: 418, member: 'code', values: ['gone'], means: 'invalid_grant' }],
})

const GOOD = { clientId: 'c', clientSecret: SECRET, tenant: 't1' }

function complaintOf(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS') return error.message
    throw error
  }
  return 'none'
}

const complaint = (options: object): string => complaintOf(() => acme({ ...GOOD, ...options }))

describe('a provider that an application describes itself', () => {
  let wire: Wire
  beforeAll(async () => {
    wire = await startWire()
  })
  afterAll(() => wire.close())

  test('has its placeholders filled in, slashes as they are written', () => {
    expect(acme(GOOD)).toMatchObject({
      metadata: {
        authorizationEndpoint: 'https://id.acme.example/base/t1/authorize/',
        tokenEndpoint: 'https://id.acme.example/base/t1/token',
      },
      identity: { url: 'https://id.acme.example/base/t1/me', subject: 'id', within: 'data' },
    })
  })

  test('works', async () => {
    wire.answers = {
      '/t1/token': { body: { access_token: 'at' } },
      '/t1/me': { body: { data: { id: 4711, name: 'Kim' } } },
    }
    const server = connect(acme({ ...GOOD, host: wire.url }))

    expect((await server.begin(TRANSACTION, STATE)).url.pathname).toBe('/t1/authorize/')
    expect(await complete(server)).toMatchObject({
      tokens: { accessToken: 'at', tokenType: 'Bearer', lifetimeMs: 60_000 },
      user: { sub: '4711', name: 'Kim' },
    })
  })

  test('has every default overridden by the one who uses it', () => {
    const own = {
      name: 'Ours',
      host: 'other.example',
      authorizationEndpoint: 'https://login.example/a',
      tokenEndpoint: '/{tenant}/oauth/token/',
      scope: 'little',
      clientAuthentication: 'client_secret_basic',
      tokenRequest: 'form',
      defaultExpiresIn: 61,
      tokenErrors: [],
      refreshRequest: { scope: true },
    } as const

    expect(acme({ ...GOOD, ...own })).toMatchObject({
      name: 'Ours',
      metadata: {
        authorizationEndpoint: 'https://login.example/a',
        tokenEndpoint: 'https://other.example/t1/oauth/token/',
      },
      scope: 'little',
      clientAuthentication: 'client_secret_basic',
      tokenRequest: { parameters: 'form' },
      defaultExpiresIn: 61,
      tokenErrors: [],
      refreshRequest: { redirectUri: false, codeVerifier: false, scope: true, clientAuthentication: true },
    })
  })

  test('shows no secret to whoever prints or copies it, and none of it changes later', () => {
    const provider = acme(GOOD)

    expect(provider.clientSecret).toBe(SECRET)
    expect(JSON.stringify(provider) + inspect(provider, { depth: 9 })).not.toContain(SECRET)
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    expect(frozen(provider)).toBe(true)
  })

  test('with a placeholder that does not exist is refused where it is described', () => {
    const preset: Preset = { name: 'Acme', factory: 'acme', authorizationEndpoint: '{host}/{realm}/a' }

    expect(complaintOf(() => defineProvider(preset))).toMatch(/^acme\(\): "authorizationEndpoint" has the placeholder \{realm\}/) // prettier-ignore
  })

  test('with options that cannot be is refused where it is described, whoever uses it', () => {
    const preset = { name: 'Acme', factory: 'acme', rotation: 'lazy', requestHeaders: { Host: 'x' }, tokenEndpoint: 'https://{host}/t' } // prettier-ignore

    const message = complaintOf(() => defineProvider(preset as unknown as Preset))

    expect(message).toMatch(/^acme\(\): "rotation" must be/)
    expect(message).toContain('"requestHeaders.Host" is set for each request')
    expect(message).toContain('"tokenEndpoint" must begin with {host}')
  })

  test('has headers and parameters merged with those of the one who uses it', () => {
    const own = defineProvider({
      name: 'Own',
      host: 'id.example',
      authorizationEndpoint: '/a',
      tokenEndpoint: '/t',
      scope: 's',
      requestHeaders: { 'user-agent': 'preset', 'x-preset': '1' },
      authorizationParameters: { audience: 'preset', locale: 'en' },
      refreshRequest: { redirectUri: true, codeVerifier: true },
    })

    const provider = own({
      clientId: 'c',
      requestHeaders: { 'user-agent': 'ours' },
      authorizationParameters: { audience: 'ours' },
      refreshRequest: { codeVerifier: false },
    })

    expect(provider).toMatchObject({
      requestHeaders: { 'user-agent': 'ours', 'x-preset': '1' },
      authorizationParameters: { audience: 'ours', locale: 'en' },
      refreshRequest: { redirectUri: true, codeVerifier: false },
    })
  })

  test('whose endpoints nobody knows is refused where it is used', () => {
    const nowhere = defineProvider({ name: 'Nowhere', optionalScope: true })
    const message = complaintOf(() => nowhere({ clientId: 'c' }))

    expect(message).toMatch(/^Nowhere\(\): "authorizationEndpoint" is missing; "tokenEndpoint" is missing$/)
  })
})

describe('an option that cannot be', () => {
  test.each<[string, object, string]>([
    ['tenant', { tenant: undefined }, '"tenant" is missing'],
    ['host', { host: 'https://id.example?x=1' }, '"host" must be a host name'],
    ['host', { host: 'http://id.example' }, '"host" must be a host name'],
    ['host', { host: 'https://u:p@id.example' }, '"host" must be a host name'],
    ['host', { host: 'a b' }, '"host" must be a host name'],
    ['host', { host: 7 }, '"host" must be'],
    ['appId', { appId: 'a' }, '"appId" is not used by this provider'],
    ['tokenEndpoint', { tokenEndpoint: 'token' }, '"tokenEndpoint" must be an absolute https: URL'],
    ['tokenEndpoint', { tokenEndpoint: 'http://id.example/token' }, '"tokenEndpoint" must be https:'],
    ['tokenEndpoint', { tokenEndpoint: '/{realm}/token' }, '"tokenEndpoint" has the placeholder {realm}'],
    ['tokenEndpoint', { tokenEndpoint: '/{appId}/token' }, '"tokenEndpoint" needs "appId"'],
    ['tokenEndpoint', { tokenEndpoint: '/token#x' }, '"tokenEndpoint" must not have a fragment'],
    ['tokenEndpoint', { tokenEndpoint: false }, '"tokenEndpoint" must be'],
    ['issuer', { issuer: 'id.example' }, '"issuer" must be an absolute https: URL'],
    ['discovery', { discovery: true }, '"discovery" needs "issuer", or the URL itself'],
    ['discovery', { discovery: 'nowhere' }, '"discovery" must be an absolute https: URL'],
    ['scope', { scope: '' }, '"scope" must not be empty'],
    ['clientSecret', { clientSecret: 'secret\n' }, '"clientSecret" must not contain line breaks'],
    ['clientSecret', { clientSecret: undefined, clientAuthentication: 'client_secret_post' }, '"clientSecret" is missing'], // prettier-ignore
    ['clientSecret', { clientAuthentication: 'none' }, '"clientSecret" is never sent'],
    ['clientId', { clientId: 'a:b', clientAuthentication: 'client_secret_basic_raw' }, '"clientId" must not contain ":"'], // prettier-ignore
    ['redirectUri', { redirectUri: '/callback' }, '"redirectUri" must be an absolute https: URL'],
    ['redirectUri', { redirectUri: 'https://app.example/cb#x' }, '"redirectUri" must not have a fragment'],
    ['redirectUri', { redirectUri: 'http://app.example/cb' }, '"redirectUri" must be https:'],
    ['tokenRequest', { tokenRequest: 'body' }, `"tokenRequest" must be 'form' or 'json' or 'query'`],
    ['tokenRequestContentType', { tokenRequestContentType: 'json' }, '"tokenRequestContentType" must be a media type'],
    ['host', { tokenEndpoint: 'https://{host}/token' }, '"tokenEndpoint" must begin with {host}'],
    ['scope', { scope: 'a"b' }, '"scope" must be words'],
    ['tokenErrors', { tokenErrors: [{ status: 400, values: [1], means: 'invalid_grant' }] }, '"tokenErrors.0.values" needs "member"'], // prettier-ignore
    ['expiredTokenAnswers', { expiredTokenAnswers: [{}] }, '"expiredTokenAnswers.0" needs "status" or "member"'],
    ['refreshRequest', { pkce: 'off', refreshRequest: { codeVerifier: true } }, `"pkce" must not be 'off': a refresh repeats`], // prettier-ignore
    ['sendIdTokenHint', { sendIdTokenHint: true }, '"sendIdTokenHint" has nothing to send'],
    ['issuer', { issuer: 'https://id.example', scope: 'openid' }, '"issuer" is not enough'],
    ['identity', { identity: { url: 'userinfo', subject: 'sub' } }, '"identity" needs "userInfoEndpoint"'],
    ['requestHeaders', { requestHeaders: { Authorization: 'x' } }, '"requestHeaders.Authorization" is set'],
    ['requestHeaders', { requestHeaders: { 'a b': 'x' } }, '"requestHeaders.a b" is no name'],
    ['requestHeaders', { requestHeaders: { 'x-a': 'x\r\ny: z' } }, '"requestHeaders.x-a" must be printable'], // prettier-ignore
    ['identity', { identity: { url: '/me' } }, '"identity" must be { url: …, subject: … }'],
    ['identity', { identity: 'userinfo' }, '"identity" needs "userInfoEndpoint"'],
    ['idToken', { idToken: 'validate' }, '"idToken" cannot be validated'],
    ['revocation', { revocation: 'access_token' }, '"revocation" needs "revocationEndpoint"'],
    ['refreshRequest', { refreshRequest: { verifier: true } }, '"refreshRequest.verifier" is unknown'],
    ['userInfoParameters', { userInfoParameters: { access_token: 'x' } }, '"userInfoParameters.access_token"'],
    ['authorizationParameters', { authorizationParameters: { state: 'x' } }, '"authorizationParameters.state" is set'],
    ['tokenErrors', { tokenErrors: [{ means: 'sleepy' }] }, '"tokenErrors.0.means" must be'],
    ['defaultExpiresIn', { defaultExpiresIn: 0 }, '"defaultExpiresIn" must be a positive'],
    ['rotation', { rotation: 'lazy' }, '"rotation" must be'],
    ['pkce', { pkce: 'plain' }, '"pkce" must be'],
    ['pkce', { pkce: 'off', clientSecret: undefined }, `"pkce" must not be 'off' without a secret`],
    ['tokenRequets', { tokenRequets: 'form' }, '"tokenRequets" is unknown; did you mean "tokenRequest"?'],
  ])('%s: %j', (_name, options, expected) => {
    const message = complaint(options)

    expect(message).toMatch(/^acme\(\): /)
    expect(message).toContain(expected)
    expect(message).not.toContain(SECRET)
  })

  test('is named once for every provider that there is', () => {
    const { defineProvider: _define, ...factories } = providers
    for (const [name, factory] of Object.entries(factories)) {
      const make = factory as (options: unknown) => Provider
      expect(complaintOf(() => make({ clientId: '' }))).toMatch(new RegExp(`^${name}\\(\\): .*"clientId" must be`))
    }
  })
})
