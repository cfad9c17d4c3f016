import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { oauth2, type IdentifyContext } from '../../lib/providers/index.ts'
import { complete, connect, startWire, STATE, TRANSACTION, type Wire } from '../support/wire.ts'

let wire: Wire
beforeAll(async () => {
  wire = await startWire()
  wire.answers = { '/token': { body: { access_token: 'at', token_type: 'bearer', id_token: 'not.for.us' } } }
})
afterAll(() => wire.close())

const endpoints = (): { authorizationEndpoint: string; tokenEndpoint: string } => ({
  authorizationEndpoint: `${wire.url}/authorize`,
  tokenEndpoint: `${wire.url}/token`,
})

describe('any OAuth 2.0 server', () => {
  test('is two addresses and a client', () => {
    const provider = oauth2({ clientId: 'c', authorizationEndpoint: 'https://id.example/a', tokenEndpoint: 'https://id.example/t' }) // prettier-ignore

    expect(provider).toMatchObject({ name: 'id.example', scope: '', idToken: 'ignore', discoveryUrl: undefined })
  })

  test('or a host and two paths', () => {
    const provider = oauth2({ clientId: 'c', host: 'id.example/x/', authorizationEndpoint: '/a/', tokenEndpoint: '/t' })

    expect(provider.metadata).toEqual({
      authorizationEndpoint: 'https://id.example/x/a/',
      tokenEndpoint: 'https://id.example/x/t',
    })
  })

  test('is asked without a scope, PKCE, or both', async () => {
    const { url } = await connect(oauth2({ ...endpoints(), clientId: 'c', clientSecret: 's', pkce: 'off' })).begin(
      TRANSACTION,
      STATE,
    )

    expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', 'redirect_uri', 'response_type', 'state'])
  })

  test('leaves the application to find out who that was, with the access token and a deadline', async () => {
    let seen: IdentifyContext | undefined
    const identity = async (context: IdentifyContext): Promise<{ sub: string }> => {
      seen = context
      wire.answers['/whoami'] = { body: { login: 'kim' } }
      const { login } = (await (await context.fetch(`${wire.url}/whoami`)).json()) as { login: string }
      return { sub: login }
    }
    const { user, claims } = await complete(connect(oauth2({ ...endpoints(), clientId: 'c', identity })))

    expect([user, claims]).toEqual([{ sub: 'kim' }, undefined])
    expect(seen?.accessToken).toBe('at')
    expect(seen?.signal).toBeInstanceOf(AbortSignal)
    expect(wire.to('/whoami').headers.authorization).toBe('Bearer at')
  })

  test('drops an ID Token that it did not ask for', async () => {
    const { tokens, claims, user } = await complete(connect(oauth2({ ...endpoints(), clientId: 'c' })))

    expect([tokens.idToken, claims, user]).toEqual([undefined, undefined, undefined])
  })

  test('proves no age of a sign-in', async () => {
    const server = connect(oauth2({ ...endpoints(), clientId: 'c' }))

    await expect(server.begin({ ...TRANSACTION, maxAge: 60 }, STATE)).rejects.toMatchObject({
      code: 'ERR_AUTH_OPTIONS',
    })
  })
})
