import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startHcss } from '../../example-app/simulators/hcss.ts'
import { defineProvider, hcss, oauth2 } from '../../lib/providers/index.ts'
import { complete, connect, startWire, STATE, TRANSACTION, type Wire } from '../support/wire.ts'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
afterAll(() => wire.close())

test('a preset without sign-out at the server stays so with discovery, whatever the server says of itself', async () => {
  const endpoint = (path: string): string => wire.url + path
  wire.answers = {
    '/.well-known/openid-configuration': {
      body: {
        issuer: wire.url,
        authorization_endpoint: endpoint('/a'),
        token_endpoint: endpoint('/t'),
        end_session_endpoint: endpoint('/bye'),
      },
    },
  }
  const preset = defineProvider({
    name: 'N',
    scope: 'openid',
    requires: ['issuer'],
    discovery: true,
    endSessionEndpoint: false,
  })

  const server = connect(preset({ issuer: wire.url, clientId: 'c' }))

  expect(await server.endSessionUrl(undefined, 'https://app.example/')).toBeUndefined()
})

test('tokens of a sign-in that fails afterwards are revoked: nobody will ever use them', async () => {
  wire.requests.length = 0
  wire.answers = {
    '/t': { body: { access_token: 'at', refresh_token: 'rt' } },
    '/me': { status: 500 },
    '/revoke': {},
  }
  const endpoints = { authorizationEndpoint: '/a', tokenEndpoint: '/t', revocationEndpoint: '/revoke' }
  const identity = { url: '/me', subject: 'id' }
  const server = connect(oauth2({ host: wire.url, clientId: 'c', clientSecret: 's', ...endpoints, identity }))

  await expect(complete(server)).rejects.toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })

  expect(wire.to('/revoke').body).toContain('token=rt')
})

test('claims of an API bring no member that changes the prototype of what they are copied into', async () => {
  wire.answers = {
    '/t': { body: { access_token: 'at' } },
    '/me': { body: '{"id":"kim","__proto__":{"isAdmin":true}}' },
  }
  const endpoints = { authorizationEndpoint: '/a', tokenEndpoint: '/t' }
  const identity = { url: '/me', subject: 'id' }
  const server = connect(oauth2({ host: wire.url, clientId: 'c', clientSecret: 's', ...endpoints, identity }))

  const { user } = await complete(server)

  expect(Object.assign({}, user)).not.toHaveProperty('isAdmin')
})

test('the agent that a firewall wants goes with every request to the provider, not with those for tokens alone', async () => {
  const simulator = await startHcss({ switches: { wafUserAgent: /^Mozilla/ } })
  const requestHeaders = { 'user-agent': 'Mozilla/5.0 (app.example)' }
  const provider = hcss({ clientId: 'hcss-client-01', scope: 'openid', host: simulator.url, discovery: true, requestHeaders }) // prettier-ignore

  try {
    expect(await connect(provider).begin(TRANSACTION, STATE)).toMatchObject({ method: 'get' })
  } finally {
    await simulator.close()
  }
})

test('HCSS simulated as IdentityServer: without id_token_hint nobody is sent back after the sign-out', async () => {
  const bye = 'https://app.example/bye'
  const simulator = await startHcss({ client: { postLogoutRedirectUris: [bye] } })
  const query = new URLSearchParams({ post_logout_redirect_uri: bye, client_id: 'hcss-client-01' }).toString()

  const answer = await fetch(`${simulator.url}/identity/connect/endsession?${query}`, { redirect: 'manual' })
  await simulator.close()

  // EndSessionRequestValidator of IdentityServer4 reads post_logout_redirect_uri only beside a valid id_token_hint.
  expect(answer.headers.get('location')).toBeNull()
})
