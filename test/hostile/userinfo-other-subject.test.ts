import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a UserInfo answer about another end-user (OIDC Core §5.3.2)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, Record<string, unknown>]>([
    ['another subject', { sub: 'mallory' }],
    ['no subject', { sub: null }],
    ['an empty subject', { sub: '' }],
    ['a list that contains the right one', { sub: ['alice'] }],
  ])('%s: refused, and none of it is handed out', async (_what, userInfo) => {
    const browser = await site.signedIn()
    site.server.script = { userInfo: { email: 'mallory@evil.example', ...userInfo } }

    const answer = await browser.get(`${site.url}/userinfo`)

    expect(answer.status).toBeGreaterThanOrEqual(502)
    expect(answer.json()).toMatchObject({
      code: expect.stringMatching(/^ERR_AUTH_UN(?:TRUSTED|AVAILABLE)$/) as unknown,
    })
    expect(answer.text).not.toContain('mallory')
    expect((await site.me(browser)).status).toBe(200)
  })

  test('about another end-user it is called untrusted', async () => {
    const browser = await site.signedIn()
    site.server.script = { userInfo: { sub: 'mallory' } }

    const answer = await browser.get(`${site.url}/userinfo`)

    expect(answer.status).toBe(502)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_UNTRUSTED' })
  })

  test('about the right one it is handed out', async () => {
    const browser = await site.signedIn()
    site.server.script = { userInfo: { email: 'alice@wonderland.example' } }

    const answer = await browser.get(`${site.url}/userinfo`)

    expect(answer.json()).toMatchObject({ sub: 'alice', email: 'alice@wonderland.example' })
  })
})
