import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair, type JWTPayload } from 'jose'
import { CLIENT_SECRET } from '../support/app.ts'
import { json } from '../support/scripted-server.ts'
import { scriptedSites, startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

describe('a refresh that brings an ID Token which the server did not sign', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (site: ScriptedSite, claims: JWTPayload) => Promise<string>]>([
    [
      'signed by another key',
      async ({ server }, claims) => server.sign(claims, { key: (await generateKeyPair('RS256')).privateKey }),
    ],
    [
      'with a MAC, keyed with the client secret',
      async ({ server }, claims) => server.sign(claims, { key: new TextEncoder().encode(CLIENT_SECRET), alg: 'HS256' }),
    ],
    ['not signed at all', async (_site, claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`],
    ['that is no JWT', async () => 'not.a.token'],
  ])('%s: the grant ends, its tokens are revoked, nothing is handed out', async (_what, forge) => {
    const browser = await site.signedIn()
    site.server.script = { idToken: (claims) => forge(site, claims) }
    site.expireAccessToken()
    const revoked = site.server.requests('/revoke').length

    const answer = await site.use(browser)

    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REVOKED' })
    expect(site.server.requests('/revoke')).toHaveLength(revoked + 1)
    expect((await site.me(browser)).status).toBe(401)
  })

  test('while its keys cannot be fetched, nothing is handed out, and nothing is lost', async () => {
    const fresh = await startSite()
    const browser = await fresh.signedIn()
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const jwk = { ...(await exportJWK(publicKey)), kid: 'next', alg: 'RS256' }
    fresh.server.script = {
      idToken: (claims) => fresh.server.sign(claims, { key: privateKey, kid: 'next' }),
      jwksAnswer: json('', 503),
    }
    fresh.expireAccessToken()

    const refused = await fresh.use(browser)
    fresh.server.script = { jwks: { keys: [jwk] } }
    const answers = await fresh.use(browser)

    expect(refused.status).toBe(503)
    expect(answers.status).toBe(200)
    expect(fresh.server.tokenRequests('refresh_token')).toHaveLength(1)
  })

  test.each<[string, Record<string, unknown>]>([
    ['"iat" is a text', { iat: 'yesterday' }],
    ['"nbf" is a text', { nbf: 'tomorrow' }],
  ])('a signature decides, not a claim of no interest: %s', async (_what, claims) => {
    const browser = await site.signedIn()
    site.server.script = { claims }
    site.expireAccessToken()

    const answer = await site.use(browser)

    expect(answer.status).toBe(200)
  })
})
