import { describe, expect, test } from '@jest/globals'
import { readSettings, SettingsError } from '../../example-app/settings.ts'

const EXTERNAL = { ISSUER_URL: 'https://id.example', CLIENT_ID: 'app' }

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
    ['PROVIDER', { PROVIDER: 'privo' }],
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
})

function thrownBy(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('nothing was thrown')
}
