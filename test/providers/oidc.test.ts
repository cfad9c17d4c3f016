import { describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { AuthError } from '../../lib/index.ts'
import { oidc, type OidcOptions } from '../../lib/providers/index.ts'

const GOOD: OidcOptions = { issuer: 'https://id.example', clientId: 'client' }
const SECRET = 'hush-hush'

function complaint(options: unknown): string {
  try {
    oidc(options as OidcOptions)
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS') return error.message
    throw error
  }
  return 'none'
}

describe('oidc()', () => {
  test('needs an issuer and a client', () => {
    expect(oidc(GOOD)).toMatchObject({
      name: 'id.example',
      discoveryUrl: 'https://id.example',
      clientId: 'client',
      scope: 'openid',
      responseMode: 'query',
      rotation: 'rotating',
      sendIdTokenHint: false,
      acceptUntypedLogoutTokens: false,
      clockToleranceSeconds: 30,
      allowHttp: false,
    })
  })

  test('keeps what it was given, and none of it changes later', () => {
    const authorizationParameters = { audience: 'api' }
    const provider = oidc({ ...GOOD, clientSecret: SECRET, authorizationParameters, scope: 'openid email' })
    authorizationParameters.audience = 'changed'

    expect(provider).toMatchObject({ scope: 'openid email', authorizationParameters: { audience: 'api' } })
    expect(provider.clientSecret).toBe(SECRET)
    expect(Object.isFrozen(provider)).toBe(true)
    expect(Object.isFrozen(provider.authorizationParameters)).toBe(true)
  })

  test('does not show the secret to whoever prints or copies it', () => {
    const provider = oidc({ ...GOOD, clientSecret: SECRET })

    expect(JSON.stringify(provider)).not.toContain(SECRET)
    expect(inspect(provider, { depth: 5 })).not.toContain(SECRET)
    expect(Object.values({ ...provider })).not.toContain(SECRET)
  })

  test.each<[string, unknown]>([
    ['issuer', undefined],
    ['issuer', 'id.example'],
    ['issuer', 'http://id.example'],
    ['issuer', 'https://user:pass@id.example'],
    ['issuer', 'https://id.example?tenant=1'],
    ['issuer', 'https://id.example#x'],
    ['clientId', undefined],
    ['clientId', ''],
    ['clientId', 7],
    ['clientSecret', ''],
    ['clientSecret', 7],
    ['clientAuthentication', 'private_key_jwt'],
    ['scope', ''],
    ['scope', 'profile email'],
    ['scope', 'openid-connect'],
    ['responseMode', 'fragment'],
    ['authorizationParameters', 'audience=api'],
    ['idTokenSigningAlg', 'none'],
    ['idTokenSigningAlg', 'HS256'],
    ['idTokenSigningAlg', 'rs256'],
    ['rotation', 'maybe'],
    ['sendIdTokenHint', 'yes'],
    ['acceptUntypedLogoutTokens', 1],
    ['clockToleranceSeconds', -1],
    ['clockToleranceSeconds', 301],
    ['clockToleranceSeconds', 1.5],
    ['dangerouslyAllowHttp', 1],
  ])('"%s" of %j is refused by its name', (name, value) => {
    const message = complaint({ ...GOOD, [name]: value })

    expect(message).toMatch(/^oidc\(\): /)
    expect(message).toContain(`"${name}"`)
  })

  test.each([
    'client_id',
    'code_challenge',
    'code_challenge_method',
    'nonce',
    'redirect_uri',
    'request',
    'request_uri',
    'response_mode',
    'response_type',
    'scope',
    'state',
  ])('"%s" is set by the flow, and by nobody else', (name) => {
    // prettier-ignore
    expect(complaint({ ...GOOD, authorizationParameters: { [name]: 'x' } })).toContain(`"authorizationParameters.${name}"`)
  })

  test('a value of a parameter that is no text is refused by its name', () => {
    expect(complaint({ ...GOOD, authorizationParameters: { audience: 7 } })).toContain(
      '"authorizationParameters.audience"',
    )
  })

  test.each<[string, object]>([
    ['none with a secret', { clientAuthentication: 'none', clientSecret: SECRET }],
    ['Basic without a secret', { clientAuthentication: 'client_secret_basic' }],
    ['post without a secret', { clientAuthentication: 'client_secret_post' }],
  ])('a way to authenticate that contradicts the secret is refused: %s', (_what, options) => {
    const message = complaint({ ...GOOD, ...options })

    expect(message).toContain('"clientSecret"')
    expect(message).not.toContain(SECRET)
  })

  test('everything that is wrong is named at once, and no value repeated', () => {
    const message = complaint({
      issuer: `http://${SECRET}.example`,
      clientSecret: 7,
      scope: SECRET,
      responseMode: SECRET,
      authorizationParameters: { state: SECRET },
      clockToleranceSeconds: SECRET,
      clientid: SECRET,
    })

    for (const path of [
      'issuer',
      'clientId',
      'clientSecret',
      'scope',
      'responseMode',
      'authorizationParameters.state',
      'clockToleranceSeconds',
      'clientid',
    ])
      // prettier-ignore
      expect(message).toContain(`"${path}"`)
    expect(message).toContain('did you mean "clientId"?')
    expect(message).not.toContain(SECRET)
  })

  test('http: to another machine only by a name that says what it is', () => {
    expect(complaint({ ...GOOD, issuer: 'http://id.example', dangerouslyAllowHttp: true })).toBe('none')
    expect(complaint({ ...GOOD, issuer: 'http://localhost:9000' })).toBe('none')
  })
})
