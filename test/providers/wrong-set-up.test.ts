import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { AuthError } from '../../lib/index.ts'
import { dottedsign, hcss, oauth2, oidc, privo, theIdentityHub } from '../../lib/providers/index.ts'
import { complete, connect, refresh, startWire, STATE, TRANSACTION, type Wire } from '../support/wire.ts'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

async function failureOf(work: Promise<unknown>): Promise<AuthError> {
  try {
    await work
  } catch (error) {
    return error as AuthError
  }
  throw new Error('it did not fail')
}

describe('HCSS: 401 that names the client is about the client, not about the customer', () => {
  const TOKEN_PATH = '/identity/connect/token'

  test.each(['invalid_client', 'unauthorized_client'])('%s', async (error) => {
    wire.answers = { [TOKEN_PATH]: { status: 401, body: { error } } }
    const server = connect(hcss({ clientId: 'c', clientSecret: 'wrong', scope: 's', host: wire.url }))

    expect(await refresh(server, 'rt')).toMatchObject({ kind: 'failed', failure: { kind: 'misconfigured' } })
    expect((await failureOf(complete(server))).code).toBe('ERR_AUTH_MISCONFIGURED')
  })

  test('nor is the page of a proxy in between', async () => {
    const headers = { 'content-type': 'text/html' }
    wire.answers = { [TOKEN_PATH]: { status: 401, body: '<h1>Proxy sign-in</h1>', headers } }
    const server = connect(hcss({ clientId: 'c', scope: 's', host: wire.url }))

    expect(await refresh(server, 'rt')).not.toMatchObject({ failure: { kind: 'dead' } })
  })
})

describe('a token endpoint that is not there is a mistake of ours, and no passing fault', () => {
  test.each([301, 308, 404, 405, 410])('%p', async (status) => {
    wire.answers = { '/auth/token': { status, headers: { location: '/auth/token/' }, body: '<h1>No</h1>' } }
    const server = connect(privo({ host: wire.url, clientId: 'c', clientSecret: 's' }))

    expect((await failureOf(complete(server))).code).toBe('ERR_AUTH_MISCONFIGURED')
    expect(await refresh(server, 'rt')).toMatchObject({ failure: { kind: 'misconfigured', unspent: true } })
  })

  test('nor is metadata that is not there: the tenant is wrong', async () => {
    wire.answers = {}
    const server = connect(theIdentityHub({ tenant: 'contosso', clientId: 'c', host: wire.url, discovery: true }))

    expect((await failureOf(server.begin(TRANSACTION, STATE))).code).toBe('ERR_AUTH_MISCONFIGURED')
  })
})

test('who has signed in cannot be asked where there is no UserInfo endpoint: trying again does not help', async () => {
  const metadata = { issuer: wire.url, authorization_endpoint: `${wire.url}/a`, token_endpoint: `${wire.url}/t` }
  wire.answers = {
    '/.well-known/openid-configuration': { body: metadata },
    '/t': { body: { access_token: 'at', token_type: 'bearer' } },
  }
  const asked = connect(oidc({ issuer: wire.url, clientId: 'c', idToken: 'ignore', identity: 'userinfo' }))
  const endpoints = { authorizationEndpoint: '/a', tokenEndpoint: '/t' }
  const never = connect(oauth2({ host: wire.url, clientId: 'c', ...endpoints }))

  expect((await failureOf(complete(asked))).code).not.toBe('ERR_AUTH_UNAVAILABLE')
  expect((await failureOf(never.userInfo('at', undefined))).code).not.toBe('ERR_AUTH_UNAVAILABLE')
})

test.each([
  { error_code: 400_002, error_key: 'invalid_token' },
  { error_code: 400_003, error_key: 'invalid_member' },
])('DottedSign: its own envelope without `error` at the token endpoint: %j', async (body) => {
  wire.answers = { '/v1/oauth/token': { status: 400, body } }
  const server = connect(dottedsign({ clientId: 'c', clientSecret: 's', host: wire.url }))

  expect(await refresh(server, 'rt')).toMatchObject({ failure: { kind: 'dead' } })
})

test.each(['mac', 'DPoP', 'N_A'])('a token of type %s cannot be used here', async (token_type) => {
  wire.answers = { '/t': { body: { access_token: 'at', token_type } } }
  const server = connect(oauth2({ host: wire.url, clientId: 'c', authorizationEndpoint: '/a', tokenEndpoint: '/t' }))

  expect((await failureOf(complete(server))).code).toBe('ERR_AUTH_UNTRUSTED')
})
