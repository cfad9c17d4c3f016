import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a refresh that brings an ID Token made for somebody else (OIDC Core §12.2)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, (issuer: string) => Record<string, unknown>]>([
    ['another subject', () => ({ sub: 'mallory' })],
    ['no subject', () => ({ sub: undefined })],
    ['another audience', () => ({ aud: 'another-client' })],
    ['another issuer', () => ({ iss: 'https://evil.example' })],
  ])('%s: the grant ends, its tokens are revoked, nothing is handed out', async (_what, claims) => {
    const browser = await site.signedIn()
    site.server.script = { claims: claims(site.server.issuer) }
    site.expireAccessToken()
    const revoked = site.server.requests('/revoke').length

    const answer = await site.use(browser)
    const [refreshToken] = site.server.secrets.slice(-2)

    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REVOKED' })
    expect(site.events.at(-1)).toMatchObject({ type: 'refresh', result: 'dead' })
    expect(
      site.server
        .requests('/revoke')
        .slice(revoked)
        .map(({ parameters }) => parameters.get('token')),
    ).toEqual([refreshToken])
    expect((await site.me(browser)).status).toBe(401)
  })

  test('the server has come to its senses: the grant stays ended, a new sign-in works', async () => {
    const browser = await site.signedIn()
    site.server.script = { claims: { sub: 'mallory' } }
    site.expireAccessToken()
    await site.use(browser)
    site.server.script = {}

    const answer = await site.use(browser)

    expect(answer.status).toBe(401)
    expect((await site.signIn(browser)).status).toBe(200)
  })
})
