import { describe, expect, test } from '@jest/globals'
import { readSettings, SettingsError } from '../../example-app/settings.ts'

const EXTERNAL = { ISSUER_URL: 'https://id.example', CLIENT_ID: 'app' }
const HEALTHKEY = { PROVIDER: 'healthkey', PROVIDER_HOST: 'auth.healthkey.example', CLIENT_ID: 'app' }
const PRIVO = { PROVIDER: 'privo', PROVIDER_HOST: 'privo.example', CLIENT_ID: 'app', CLIENT_SECRET: 'hush hush' }

describe('the environment of the example app', () => {
  test('empty, it means the demo', () => {
    expect(readSettings({})).toMatchObject({ port: 3000, provider: undefined, demoTokenSeconds: 10, trustProxy: false })
  })

  test('a variable that is empty is not set', () => {
    expect(readSettings({ PORT: '', ISSUER_URL: '', REDIS_URL: '' })).toEqual(readSettings({}))
  })

  test('a provider asks for a refresh token unless SCOPE says otherwise', () => {
    expect(readSettings(EXTERNAL).provider?.scope).toBe('openid profile email offline_access')
    expect(readSettings({ ...EXTERNAL, SCOPE: 'openid' }).provider?.scope).toBe('openid')
  })

  test.each([
    ['healthkey', 'HealthKey', { PROVIDER_HOST: 'auth.healthkey.example' }, 'https://auth.healthkey.example/o/token/'],
    ['hcss', 'HCSS', { SCOPE: 'heavyjob:read' }, 'https://api.hcssapps.com/identity/connect/token'],
    [
      'the-identity-hub',
      'The Identity Hub',
      { PROVIDER_TENANT: 'contoso' },
      'https://www.theidentityhub.com/contoso/oauth2/v1/token',
    ],
    [
      'privo',
      'PRIVO',
      { PROVIDER_HOST: 'https://privo.example/', PROVIDER_TOKEN_PATH: '/token' },
      'https://privo.example/token',
    ],
    [
      'dottedsign',
      'DottedSign',
      { PROVIDER_HOST: 'https://api.dottedsign.example' },
      'https://api.dottedsign.example/v1/oauth/token',
    ],
  ])('PROVIDER=%s is the preset of %s', (preset, name, environment, tokenEndpoint) => {
    const { provider } = readSettings({ PROVIDER: preset, CLIENT_ID: 'app', CLIENT_SECRET: 'hush', ...environment })

    expect(provider).toMatchObject({ name, clientId: 'app', clientSecret: 'hush', metadata: { tokenEndpoint } })
  })

  test('what the pages of a provider contradict each other on has a variable', () => {
    const { provider } = readSettings({
      ...PRIVO,
      PROVIDER_TOKEN_REQUEST: 'form',
      PROVIDER_TOKEN_CONTENT_TYPE: 'application/json',
      PROVIDER_REDIRECT_URI: 'https://app.example/callback?',
      PROVIDER_DISCOVERY: 'true',
      CLIENT_AUTH_METHOD: 'client_secret_basic',
      SCOPE: 'openid',
    })

    expect(provider).toMatchObject({
      tokenRequest: { parameters: 'form', contentType: 'application/json' },
      redirectUri: 'https://app.example/callback?',
      discoveryUrl: 'https://privo.example/.well-known/openid-configuration',
      clientAuthentication: 'client_secret_basic',
      scope: 'openid',
    })
    expect(readSettings({ ...HEALTHKEY, PROVIDER_TOKEN_REQUEST: 'query' }).provider?.tokenRequest.parameters).toBe(
      'query',
    )
  })

  test('an application with metadata of its own at The Identity Hub names itself', () => {
    const { provider } = readSettings({
      PROVIDER: 'the-identity-hub',
      CLIENT_ID: 'app',
      PROVIDER_TENANT: 'contoso',
      PROVIDER_APP_ID: '42',
    })

    expect(provider?.discoveryUrl).toBe(
      'https://www.theidentityhub.com/contoso/App/42/.well-known/openid-configuration',
    )
  })

  test.each([
    ['2', 2],
    ['true', true],
    ['false', false],
    ['loopback, 10.0.0.0/8', ['loopback', '10.0.0.0/8']],
  ])('TRUST_PROXY=%s is what Express takes', (value, expected) => {
    expect(readSettings({ TRUST_PROXY: value }).trustProxy).toEqual(expected)
  })

  test.each([
    ['PORT', { PORT: '80a' }],
    ['PORT', { PORT: '65536' }],
    ['BASE_URL', { BASE_URL: 'app.example' }],
    ['BASE_URL', { BASE_URL: 'http://app.example' }],
    ['BASE_URL', { BASE_URL: 'https://app.example/mounted' }],
    ['ISSUER_URL', { ...EXTERNAL, ISSUER_URL: 'ftp://id.example' }],
    ['ISSUER_URL', { ...EXTERNAL, ISSUER_URL: 'http://id.example' }],
    ['ISSUER_URL', { ...EXTERNAL, ISSUER_URL: 'https://me:pw@id.example' }],
    ['CLIENT_ID', { ISSUER_URL: 'https://id.example' }],
    ['CLIENT_ID', { CLIENT_ID: 'without an issuer' }],
    ['CLIENT_AUTH_METHOD', { ...EXTERNAL, CLIENT_AUTH_METHOD: 'client_secret_jwt' }],
    ['CLIENT_SECRET', { ...EXTERNAL, CLIENT_AUTH_METHOD: 'client_secret_post' }],
    ['CLIENT_SECRET', { ...EXTERNAL, CLIENT_AUTH_METHOD: 'none', CLIENT_SECRET: 'never sent' }],
    ['SCOPE', { ...EXTERNAL, SCOPE: 'profile email' }],
    ['API_URL', { API_URL: 'https://api.example/?key=1' }],
    ['SESSION_SECRET', { SESSION_SECRET: 'too short' }],
    ['TRUST_PROXY', { TRUST_PROXY: 'my-proxy' }],
    ['DEMO_TOKEN_SECONDS', { DEMO_TOKEN_SECONDS: '2' }],
    ['REDIS_URL', { REDIS_URL: 'http://localhost' }],
    ['REDIS_URL', { REDIS_URL: 'redis://one,two' }],
    ['PROVIDER', { ...HEALTHKEY, PROVIDER: 'HealthKey' }],
    ['ISSUER_URL', { ...HEALTHKEY, ISSUER_URL: 'https://id.example' }],
    ['CLIENT_ID', { PROVIDER: 'healthkey', PROVIDER_HOST: 'auth.healthkey.example' }],
    ['PROVIDER_HOST', { PROVIDER: 'healthkey', CLIENT_ID: 'app' }],
    ['PROVIDER_HOST', { ...HEALTHKEY, PROVIDER_HOST: 'http://auth.healthkey.example' }],
    ['PROVIDER_HOST', { ...HEALTHKEY, PROVIDER_HOST: 'https://auth.healthkey.example/?x' }],
    ['PROVIDER_TENANT', { PROVIDER: 'the-identity-hub', CLIENT_ID: 'app' }],
    ['PROVIDER_TENANT', { PROVIDER: 'the-identity-hub', CLIENT_ID: 'app', PROVIDER_TENANT: '../other' }],
    ['PROVIDER_TENANT', { ...HEALTHKEY, PROVIDER_TENANT: 'contoso' }],
    ['PROVIDER_TOKEN_REQUEST', { ...HEALTHKEY, PROVIDER_TOKEN_REQUEST: 'url' }],
    ['PROVIDER_TOKEN_CONTENT_TYPE', { ...HEALTHKEY, PROVIDER_TOKEN_CONTENT_TYPE: 'json' }],
    ['PROVIDER_TOKEN_PATH', { ...PRIVO, PROVIDER_TOKEN_PATH: 'http://elsewhere.example/token' }],
    ['PROVIDER_ISSUER', { ...PRIVO, PROVIDER_ISSUER: 'privo' }],
    ['PROVIDER_DISCOVERY', { ...PRIVO, PROVIDER_DISCOVERY: 'yes' }],
    ['PROVIDER_REDIRECT_URI', { ...PRIVO, PROVIDER_REDIRECT_URI: 'https://app.example/callback#here' }],
    ['CLIENT_SECRET', { PROVIDER: 'privo', CLIENT_ID: 'app', PROVIDER_HOST: 'privo.example' }],
    ['CLIENT_AUTH_METHOD', { ...PRIVO, CLIENT_AUTH_METHOD: 'private_key_jwt' }],
    ['CLIENT_SECRET', { ...HEALTHKEY, CLIENT_AUTH_METHOD: 'client_secret_post' }],
    ['SCOPE', { PROVIDER: 'hcss', CLIENT_ID: 'app' }],
    ['PROVIDER_HOST', { PROVIDER_HOST: 'auth.healthkey.example' }],
    ['PROVIDER_TOKEN_PATH', { ...EXTERNAL, PROVIDER_TOKEN_PATH: '/token' }],
  ] as [string, Record<string, string>][])('%s is named when it is wrong: %j', (name, environment) => {
    expect(() => readSettings(environment)).toThrow(new RegExp(`^${name} `, 'm'))
  })

  test('everything wrong is named at once, and no secret is repeated', () => {
    const environment = { PORT: '-1', API_URL: 'nowhere', SESSION_SECRET: 'hush' }

    const error = thrownBy(() => readSettings(environment))

    expect(error).toBeInstanceOf(SettingsError)
    expect(error.message.split('\n').map((line) => line.split(' ')[0])).toEqual(['PORT', 'SESSION_SECRET', 'API_URL'])
    expect(error.message).not.toContain('hush')
  })

  test('the same for a preset: variables and not the options that they set, and no secret', () => {
    const error = thrownBy(() =>
      readSettings({ PROVIDER: 'privo', CLIENT_SECRET: 'hush\nhush', CLIENT_AUTH_METHOD: 'none' }),
    )

    expect(error).toBeInstanceOf(SettingsError)
    expect(error.message.split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['CLIENT_ID', 'PROVIDER_HOST', 'CLIENT_SECRET']),
    )
    expect(error.message).not.toMatch(/hush|clientId|clientSecret|clientAuthentication/)
  })
})

function thrownBy(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('nothing was thrown')
}
