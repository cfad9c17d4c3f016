import { describe, expect, test } from '@jest/globals'
import { AuthError } from '../../lib/index.ts'
import { defineProvider, dottedsign, healthkey, privo } from '../../lib/providers/index.ts'

const CLIENT = { clientId: 'c', clientSecret: 's' }

function isRefused(make: () => unknown): boolean {
  try {
    make()
    return false
  } catch (error) {
    return error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS'
  }
}

describe('options that cannot be meant are refused:', () => {
  test.each<[string, () => unknown]>([
    // One forgotten member, and every 400 is an expired token, or the end of the grant.
    ['`values` without `member` in expiredTokenAnswers', () => dottedsign({ ...CLIENT, expiredTokenAnswers: [{ status: 400, values: [400_003] }] as never })], // prettier-ignore
    ['`values` without `member` in tokenErrors', () => dottedsign({ ...CLIENT, tokenErrors: [{ status: 400, values: [401_001], means: 'invalid_grant' }] as never })], // prettier-ignore
    ['an empty pattern, which is about nothing', () => dottedsign({ ...CLIENT, tokenErrors: [{ means: 'invalid_grant' }] as never })], // prettier-ignore
    // HealthKey refuses every refresh then.
    ['a verifier to repeat, and no PKCE', () => healthkey({ ...CLIENT, host: 'h.example', pkce: 'off' })],
    // It is dropped unread.
    ['an ID Token as a hint, and none is kept', () => privo({ ...CLIENT, host: 'h.example', sendIdTokenHint: true })],
    ['a scope that is none (RFC 6749 §3.3)', () => dottedsign({ ...CLIENT, scope: 'a\tb\n"c' })],
    ['a refresh that repeats the scope, and there is none', () => dottedsign({ ...CLIENT, refreshRequest: { scope: true } })], // prettier-ignore
  ])('%s', (_what, make) => {
    expect(isRefused(make)).toBe(true)
  })
})

describe('a preset is checked like options:', () => {
  const good = {
    name: 'Acme',
    factory: 'acme',
    scope: 's',
    authorizationEndpoint: 'https://acme.example/a',
    tokenEndpoint: 'https://acme.example/t',
  }

  test.each<[string, object]>([
    ['a rotation that does not exist', { rotation: 'lazy' }],
    ['a name that is misspelt', { refreshEndsAccesToken: true }],
    ['what the flow itself sets', { authorizationParameters: { response_type: 'token' } }],
    ['UserInfo, and nobody knows where', { identity: 'userinfo' }],
    ['a lifetime below zero', { defaultExpiresIn: -5 }],
    ['a form of token requests that does not exist', { tokenRequest: 'xml' }],
  ])('%s', (_what, wrong) => {
    const preset = { ...good, ...wrong } as Parameters<typeof defineProvider>[0]

    expect(isRefused(() => defineProvider(preset)(CLIENT as never))).toBe(true)
  })
})

test('PRIVO, as its token pages write a refresh: all in the URL, an empty body, and a label all the same', () => {
  const documented = {
    tokenEndpoint: '/token',
    tokenRequest: 'query',
    clientAuthentication: 'client_secret_post',
    tokenRequestContentType: 'application/x-www-form-urlencoded',
  } as const

  expect(isRefused(() => privo({ ...CLIENT, host: 'privo.example', ...documented }))).toBe(false)
})
