import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { defineProvider, oauth2, type OptionsWith } from '../../lib/providers/index.ts'
import { complete, connect, startWire, STATE, TRANSACTION, type Wire } from '../support/wire.ts'

type Options = Partial<OptionsWith<'authorizationEndpoint' | 'tokenEndpoint'>>

const TOKENS = { access_token: 'at', token_type: 'bearer' }

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
})
beforeEach(() => {
  wire.requests.length = 0
  wire.answers = { '/token': { body: TOKENS } }
})
afterAll(() => wire.close())

const server = (options: Options = {}): ReturnType<typeof connect> =>
  connect(oauth2({ clientId: 'c', host: wire.url, authorizationEndpoint: '/authorize', tokenEndpoint: '/token', ...options })) // prettier-ignore

describe('a server that publishes nothing', () => {
  test('is asked for nothing but tokens', async () => {
    const connected = server()

    await connected.ready()
    await connected.begin(TRANSACTION, STATE)
    await complete(connected)

    expect(wire.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /token'])
  })

  test('signs out nobody by a logout token: whoever sent it could have made it up', async () => {
    const payload = { iss: wire.url, aud: 'c', iat: Math.floor(Date.now() / 1_000), jti: 'j', sub: 's', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } // prettier-ignore
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
    const token = `${encode({ alg: 'RS256', typ: 'logout+jwt' })}.${encode(payload)}.e30`

    expect(await server().readLogoutToken(token)).toEqual({ kind: 'refused', flaw: 'iss' })
    expect(await server({ issuer: wire.url }).readLogoutToken(token)).toEqual({ kind: 'refused', flaw: 'iss' })
    expect(wire.requests).toEqual([])
  })

  test('revokes and signs out where it is known to, and does nothing otherwise', async () => {
    const tokens = { accessToken: 'at', tokenType: 'Bearer', refreshToken: 'rt' }
    await server().revoke(tokens)
    expect(await server().endSessionUrl(undefined, 'https://app.example/')).toBeUndefined()
    expect(wire.requests).toEqual([])

    wire.answers['/revoke'] = {}
    await server({ revocationEndpoint: '/revoke' }).revoke(tokens)
    expect(wire.to('/revoke').body).toBe('token_type_hint=refresh_token&token=rt&client_id=c')
    await server({ revocationEndpoint: '/revoke' }).revoke({ accessToken: 'at', tokenType: 'Bearer' })
    expect(wire.to('/revoke').body).toBe('token_type_hint=access_token&token=at&client_id=c')
    await server({ revocationEndpoint: '/revoke', revocation: 'access_token' }).revoke(tokens)
    expect(wire.to('/revoke').body).toBe('token_type_hint=access_token&token=at&client_id=c')
    wire.requests.length = 0
    await server({ revocationEndpoint: '/revoke', revocation: 'none' }).revoke(tokens)
    expect(wire.requests).toEqual([])

    const url = await server({ endSessionEndpoint: '/logout?app=1' }).endSessionUrl(undefined, 'https://app.example/')
    expect(url?.href).toBe(`${wire.url}/logout?app=1&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F&client_id=c`)
  })

  test('answers UserInfo with the parameters that it wants', async () => {
    wire.answers['/me'] = { body: { sub: 'kim' } }
    const endpoint = { userInfoEndpoint: '/me', userInfoParameters: { service_id: '7' } }
    const identifying = server({ ...endpoint, identity: 'userinfo' })

    expect(await identifying.userInfo('at', 'kim')).toEqual({ sub: 'kim' })
    await expect(identifying.userInfo('at', 'another')).rejects.toMatchObject({ code: 'ERR_AUTH_UNTRUSTED' })
    // Where another API named the end-user, there is nothing to compare.
    expect(await server(endpoint).userInfo('at', 'id-7')).toEqual({ sub: 'kim' })
    expect(wire.to('/me').url).toBe('/me?service_id=7')
  })
})

describe('what is written in the configuration, what the server says, and what is documented', () => {
  const known = defineProvider({
    name: 'Known',
    host: 'https://documented.example',
    authorizationEndpoint: '{host}/documented/authorize',
    tokenEndpoint: '{host}/documented/token',
    revocationEndpoint: '{host}/documented/revoke',
    endSessionEndpoint: '{host}/documented/logout',
    discoveryUrl: '{host}/.well-known/openid-configuration',
    optionalScope: true,
  })
  const publish = (): void => {
    wire.answers['/.well-known/openid-configuration'] = {
      body: {
        issuer: 'https://said.example',
        authorization_endpoint: `${wire.url}/said/authorize`,
        token_endpoint: `${wire.url}/said/token`,
        end_session_endpoint: `${wire.url}/said/logout`,
      },
    }
  }

  test('go in this order', async () => {
    publish()
    wire.answers['/written/token'] = { body: TOKENS }
    wire.answers['/documented/revoke'] = {}
    const connected = connect(
      known({ clientId: 'c', host: wire.url, discovery: true, tokenEndpoint: '/written/token' }),
    )

    expect((await connected.begin(TRANSACTION, STATE)).url.pathname).toBe('/said/authorize')
    await complete(connected, { iss: 'https://said.example' })
    expect(wire.to('/written/token').method).toBe('POST')
    await connected.revoke({ accessToken: 'at', tokenType: 'Bearer' })
    expect(wire.to('/documented/revoke').method).toBe('POST')
  })

  test('and what is switched off stays off', async () => {
    publish()
    const options = { clientId: 'c', host: wire.url, discovery: true }

    const on = await connect(known(options)).endSessionUrl(undefined, 'https://app.example/')
    const off = await connect(known({ ...options, endSessionEndpoint: false })).endSessionUrl(undefined, 'https://app.example/') // prettier-ignore

    expect([on?.pathname, off]).toEqual(['/said/logout', undefined])
  })

  test('the issuer that the document names is the one that counts', async () => {
    publish()
    wire.answers['/said/token'] = { body: TOKENS }
    const connected = connect(known({ clientId: 'c', host: wire.url, discovery: true }))

    await expect(complete(connected, { iss: wire.url })).rejects.toMatchObject({ code: 'ERR_AUTH_TRANSACTION' })
    expect((await complete(connected, { iss: 'https://said.example' })).tokens.accessToken).toBe('at')
  })

  test.each<[number, string]>([
    [503, 'ERR_AUTH_UNAVAILABLE'],
    [429, 'ERR_AUTH_UNAVAILABLE'],
    [404, 'ERR_AUTH_MISCONFIGURED'],
    [410, 'ERR_AUTH_MISCONFIGURED'],
    [302, 'ERR_AUTH_MISCONFIGURED'],
  ])('metadata that cannot be had, for its status is %p, is asked for again', async (status, code) => {
    const connected = connect(known({ clientId: 'c', host: wire.url, discovery: true }))
    wire.answers['/.well-known/openid-configuration'] = { status, headers: { location: '/elsewhere' } }

    await expect(connected.ready()).rejects.toMatchObject({ code })
    publish()
    await connected.ready()
  })

  test.each(['authorization_endpoint', 'token_endpoint', 'jwks_uri'])(
    'an %s with a fragment is none',
    async (member) => {
      publish()
      const answer = wire.answers['/.well-known/openid-configuration'] as { body: object }
      Object.assign(answer.body, { [member]: `${wire.url}/x#y` })
      const connected = connect(known({ clientId: 'c', host: wire.url, discovery: true }))

      await expect(connected.ready()).rejects.toMatchObject({ code: 'ERR_AUTH_MISCONFIGURED' })
    },
  )
})
