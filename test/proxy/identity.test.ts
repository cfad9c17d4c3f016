import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createPublicKey, createSecretKey, generateKeyPairSync, webcrypto } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { AuthError, latchkey, type ProxyOptions } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { Assertions } from '../../lib/proxy/headers/assertion.ts'
import { claimValue } from '../../lib/proxy/headers/identity.ts'
import { SECRET } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'

/** For HMAC with SHA-512. */
async function hmac(usage: 'sign' | 'verify', bytes = 32): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('raw', new Uint8Array(bytes), { name: 'HMAC', hash: 'SHA-512' }, false, [usage])
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

describe('what the target is told about the user', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      proxy: {
        identityHeaders: {
          'X-User-ID': 'sub',
          'x-user-name': 'name',
          'x-user-phone': 'phone_number',
          'x-forwarded-email': 'email',
        },
        assertion: { key: privateKey, audience: 'urn:api', lifetimeSeconds: 30 },
      },
      routes(app, auth, upstream) {
        app.use('/plain', auth.proxy(upstream.url))
        app.use('/tokenless', auth.proxy(upstream.url, { token: false, identityHeaders: { 'x-user-id': 'sub' } }))
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  async function seenAtTarget(headers: OutgoingHttpHeaders = {}, path = '/up/x'): Promise<Record<string, unknown>> {
    await receive(await answerTo(beginRequest(browser, site.url + path, { headers }).end()))
    return site.upstream.requests.at(-1)?.headers as Record<string, unknown>
  }

  test('claims, each under the name that the application gave it', async () => {
    const user = (await browser.get(`${site.url}/me`)).json() as Record<string, unknown>
    const seen = await seenAtTarget()

    expect(seen).toMatchObject({
      'x-user-id': user['sub'],
      'x-user-name': user['name'],
      'x-forwarded-email': user['email'],
    })
    expect(user['sub']).toEqual(expect.stringMatching(/./))
  })

  test('by nobody else, in whatever spelling, also where there is nothing to say', async () => {
    const seen = await seenAtTarget({
      'x-user-id': 'mallory',
      'X-USER-ID': ['mallory', 'mallory'],
      x_user_id: 'mallory',
      'X_User-Id': 'mallory',
      'x.user.id': 'mallory',
      'x-user-phone': 'mallory',
      x_user_phone: 'mallory',
      'x-user-assertion': 'mallory',
      x_user_assertion: 'mallory',
      'x-forwarded-user': 'mallory',
      'x-forwarded-email': 'mallory',
      'x-remote-user': 'mallory',
      remote_user: 'mallory',
      'remote-groups': 'mallory',
      'x-auth-request-groups': 'mallory',
      'x-authentik-username': 'mallory',
      'x-pomerium-claim-email': 'mallory',
      'x-webauth-user': 'mallory',
      'x-authenticated-userid': 'mallory',
      'x-consumer-username': 'mallory',
      'x-credential-identifier': 'mallory',
      'x-vouch-user': 'mallory',
      oidc_claim_sub: 'mallory',
      'x-userinfo': 'mallory',
      'x-id-token': 'mallory',
      'x-raw-id-token': 'mallory',
      'x-amzn-mtls-clientcert-subject': 'mallory',
      'x-arr-clientcert': 'mallory',
      'tailscale-app-capabilities': 'mallory',
      'x-endpoint-api-userinfo': 'mallory',
      'x-apigateway-api-userinfo': 'mallory',
      'tailscale-user-login': 'mallory',
      'cf-access-jwt-assertion': 'mallory',
      'x-amzn-oidc-identity': 'mallory',
      'x-goog-authenticated-user-email': 'mallory',
      'x-goog-iap-jwt-assertion': 'mallory',
      'x-ms-client-principal': 'mallory',
      'x-ms-client-principal-name': 'mallory',
      'x-ms-token-aad-id-token': 'mallory',
      connection: 'x-user-id, x-user-assertion, x-forwarded-email',
    })

    expect(JSON.stringify(seen)).not.toContain('mallory')
    expect(seen).toMatchObject({
      'x-user-id': expect.any(String) as unknown,
      'x-user-assertion': expect.any(String) as unknown,
    })
    expect(seen).not.toHaveProperty('x-user-phone')
  })

  test('what only sounds like it passes', async () => {
    const own = { 'cf-access-client-id': 'a', 'x-ms-version': 'b', 'x-userinfo-format': 'c', 'x-consumers': 'd' }

    expect(await seenAtTarget(own)).toMatchObject(own)
  })

  test('a statement that says who signed it, whom it is about and for, and how long it holds', async () => {
    const { 'x-user-assertion': assertion, 'x-user-id': sub } = await seenAtTarget()

    const { payload, protectedHeader } = await jwtVerify(String(assertion), publicKey, {
      issuer: site.url,
      audience: 'urn:api',
      typ: 'user-assertion+jwt',
      currentDate: new Date(site.clock.now()),
    })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'user-assertion+jwt' })
    expect(payload).toMatchObject({ sub, provider: 'main', email: 'alice@example.com' })
    expect(payload.exp).toBe((payload.iat ?? 0) + 30)
    expect(payload).not.toHaveProperty('nonce')
    expect(payload).not.toHaveProperty('at_hash')
  })

  test('the same statement until half of its time is over', async () => {
    const first = (await seenAtTarget())['x-user-assertion']
    site.clock.advance({ seconds: 14 })
    const second = (await seenAtTarget())['x-user-assertion']
    site.clock.advance({ seconds: 2 })
    const third = (await seenAtTarget())['x-user-assertion']

    expect(second).toBe(first)
    expect(third).not.toBe(first)
    expect(decodeJwt(String(third)).exp).toBeGreaterThan(Math.floor(site.clock.now() / 1_000) + 28)
  })

  test('also without a token, as far as anybody is signed in', async () => {
    const seen = await seenAtTarget({ 'x-user-id': 'mallory' }, '/tokenless/x')
    expect(seen['x-user-id']).toBe((await seenAtTarget())['x-user-id'])
    expect(seen).not.toHaveProperty('authorization')

    const stranger = beginRequest(site.browser(), `${site.url}/tokenless/x`, { headers: { 'x-user-id': 'mallory' } })
    expect((await answerTo(stranger.end())).statusCode).toBe(200)
    expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty('x-user-id')
  })

  test('nothing, unless the application says so', async () => {
    const names = Object.keys(await seenAtTarget({}, '/plain/x'))

    expect(names.filter((name) => /user/.test(name) && name !== 'user-agent')).toEqual([])
  })
})

describe('a claim in a header', () => {
  test.each<[unknown, string | undefined]>([
    ['alice', 'alice'],
    ['Alice Liddell', 'Alice Liddell'],
    ['Doe, Jane', 'Doe, Jane'],
    ['caf\u00e9 \u{1F600}', 'caf%C3%A9 %F0%9F%98%80'],
    ['50%', '50%25'],
    ['a\r\nx-evil: 1', 'a%0D%0Ax-evil: 1'],
    ['a\0b\tc\u007f', 'a%00b%09c%7F'],
    [' padded ', '%20padded%20'],
    ['\ud800', '%EF%BF%BD'],
    ['', ''],
    [7, '7'],
    [false, 'false'],
    [null, undefined],
    [undefined, undefined],
    [[], undefined],
    [['a', 'b'], 'a,b'],
    [['a,admin', 'b'], 'a%2Cadmin,b'],
    [[' a', '\u00fc'], '%20a,%C3%BC'],
    [{ street: 'x, y' }, '{"street":"x, y"}'],
    [[{ a: 1, b: 2 }], '{"a":1%2C"b":2}'],
  ])('%j is %j', (value, expected) => {
    expect(claimValue({ sub: 's', claim: value }, 'claim')).toBe(expected)
  })

  test('what every object has is no claim', () => {
    expect(claimValue({ sub: 's' }, 'toString')).toBeUndefined()
    expect(claimValue({ sub: 's' }, '__proto__')).toBeUndefined()
  })
})

describe('signed statements', () => {
  const alice = { sub: 'alice', email: 'a@example.com', groups: ['x'] }
  const make = (options: Partial<ConstructorParameters<typeof Assertions>[0]> = {}): Assertions =>
    new Assertions({ key: privateKey, ...options }, 'https://app.example', 'https://api.example', new TestClock())

  test('are of one user, at one provider, with these claims', async () => {
    const assertions = make()
    const first = await assertions.about({ provider: 'work', user: alice })

    expect(await assertions.about({ provider: 'work', user: structuredClone(alice) })).toBe(first)
    const others = await Promise.all([
      assertions.about({ provider: 'home', user: alice }),
      assertions.about({ provider: 'work', user: { ...alice, sub: 'bob' } }),
      assertions.about({ provider: 'work', user: { ...alice, groups: ['x', 'admin'] } }),
    ])
    expect(others.map((jwt) => decodeJwt(jwt))).toMatchObject([
      { provider: 'home', sub: 'alice', aud: 'https://api.example' },
      { provider: 'work', sub: 'bob' },
      { provider: 'work', sub: 'alice', groups: ['x', 'admin'] },
    ])
  })

  test('say nothing that a claim of the user could put there', async () => {
    const user = {
      ...alice,
      iss: 'evil',
      aud: 'evil',
      exp: 9e9,
      nbf: 9e9,
      iat: 1,
      jti: 'x',
      provider: 'evil',
      nonce: 'n',
    }
    const claims = decodeJwt(await make().about({ provider: 'work', user }))

    expect(claims).toMatchObject({
      iss: 'https://app.example',
      aud: 'https://api.example',
      sub: 'alice',
      provider: 'work',
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60)
    expect(Object.keys(claims).toSorted()).toEqual(['aud', 'email', 'exp', 'groups', 'iat', 'iss', 'provider', 'sub'])
  })

  test('are signed with what the key is for', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const ed = generateKeyPairSync('ed25519').privateKey
    const web = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify'])
    const secret = new Uint8Array(32)

    const keys = [rsa, ed, web.privateKey, secret, createSecretKey(secret)]
    const signed = await Promise.all(keys.map((key) => make({ key }).about({ provider: 'p', user: alice })))
    expect(signed.map((jwt) => decodeProtectedHeader(jwt).alg)).toEqual(['RS256', 'EdDSA', 'ES384', 'HS256', 'HS256'])
    expect(
      decodeProtectedHeader(await make({ key: rsa, alg: 'PS512' }).about({ provider: 'p', user: alice })).alg,
    ).toBe('PS512')
    await expect(jwtVerify(signed[0] ?? '', createPublicKey(rsa))).resolves.toBeDefined()
  })

  test.each([
    [{ name: 'RSA-PSS', hash: 'SHA-384', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, 'PS384'],
    [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, 'RS512'],
    [{ name: 'HMAC', hash: 'SHA-512' }, 'HS512'],
  ] as const)('are signed as a key of WebCrypto says: %j', async (algorithm, alg) => {
    const made = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
    const key = 'privateKey' in made ? made.privateKey : made

    expect(decodeProtectedHeader(await make({ key }).about({ provider: 'p', user: alice })).alg).toBe(alg)
  }) // prettier-ignore
})

describe('options that could not work', () => {
  const auth = latchkey({
    baseUrl: 'https://app.example',
    provider: oidc({ issuer: 'https://id.example', clientId: 'c' }),
    secret: SECRET,
  })

  function complaint(options: unknown): string {
    try {
      auth.proxy('https://api.example', options as ProxyOptions)
    } catch (error) {
      if (error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS') return error.message
      throw error
    }
    return 'none'
  }

  test.each([
    'authorization', 'Cookie', 'host', 'connection', 'content-length', 'Content-Type', 'transfer_encoding', 'x-forwarded-for', 'X-Forwarded_Host',
    'forwarded', 'expect', 'te', 'upgrade', 'proxy-authorization', 'x y', '', 'x-\u00e9', 'x:', 'sec-fetch-site', 'origin',
  ])('%j says something else than who it is', (name) => {
    expect(complaint({ identityHeaders: { [name]: 'sub' } })).toMatch(/"identityHeaders" has a name/)
    expect(complaint({ assertion: { key: privateKey, header: name } })).toMatch(/"assertion.header" must be/)
  }) // prettier-ignore

  test('keys of WebCrypto sign what they are for, if they may sign, and only long ones', async () => {
    expect(complaint({ assertion: { key: await hmac('verify') } })).toContain('"assertion.key" must be')
    expect(complaint({ assertion: { key: await hmac('sign', 31) } })).toContain('"assertion.key" must be')
    expect(complaint({ assertion: { key: await hmac('sign'), alg: 'HS256' } })).toContain('it must be HS512')
    expect(complaint({ assertion: { key: await hmac('sign'), alg: 'HS512' } })).toBe('none')
  })

  test.each<[object, RegExp]>([
    [{ identityHeaders: { 'x-user': '' } }, /"identityHeaders.x-user" must be the name of a claim/],
    [{ identityHeaders: { 'x-user': 'sub', X_User: 'email' } }, /two names/],
    [{ identityHeaders: { 'x-user-assertion': 'sub' }, assertion: { key: privateKey } }, /two names/],
    [{ assertion: {} }, /"assertion.key" must be/],
    [{ assertion: { key: publicKey } }, /"assertion.key" must be/],
    [{ assertion: { key: 'a secret of more than thirty-two bytes, as text' } }, /"assertion.key" must be/],
    [{ assertion: { key: new Uint8Array(31) } }, /"assertion.key" must be/],
    [{ assertion: { key: privateKey, alg: 'HS256' } }, /"assertion.alg" does not go with the key; it must be ES256/],
    [{ assertion: { key: privateKey, alg: 'none' } }, /"assertion.alg"/],
    [{ assertion: { key: privateKey, lifetimeSeconds: 0 } }, /"assertion.lifetimeSeconds" must be/],
    [{ allowOrigins: ['*'] }, /"allowOrigins.0" must be an origin/],
    [{ allowOrigins: ['null'] }, /must be an origin/],
    [{ allowOrigins: ['https://a.example/'] }, /must be an origin/],
    [{ allowOrigins: ['https://A.example'] }, /must be an origin/],
    [{ allowOrigins: ['https://*.a.example'] }, /must be an origin/],
    [{ allowOrigins: ['http://a.example'] }, /must be an origin/],
    [{ allow: { methods: ['get'] } }, /"allow.methods.0" must be/],
    [{ allow: { methods: ['TRACE'] } }, /"allow.methods.0" must be/],
    [{ allow: { methods: [] } }, /"allow.methods" must not be an empty list/],
    [{ allow: { paths: [] } }, /"allow.paths" must not be an empty list/],
    [{ allow: { paths: ['orders'] } }, /"allow.paths.0" must be/],
    [{ allow: { paths: ['/a/../b'] } }, /"allow.paths.0" must be/],
    [{ allow: { paths: ['/a?b'] } }, /"allow.paths.0" must be/],
    [{ allow: { paths: [/^\/a$/g] } }, /without the flags g and y/],
    [{ allow: { paths: [/^\/a$/y] } }, /without the flags g and y/],
    [{ allow: { path: ['/a'] } }, /did you mean "paths"/],
    [{ forwardCookies: ['a b'] }, /"forwardCookies.0" must be/],
  ])('%j', (options, expected) => {
    expect(complaint(options)).toMatch(expected)
  })
})
