import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_ID } from '../support/app.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('an ID Token that was made for another client (OIDC Core §3.1.3.7)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each<[string, unknown]>([
    ['another client', 'another-client'],
    ['a list without us', ['another-client', 'a-third']],
    ['an empty list', []],
    ['absent', undefined],
    ['our id with something behind it', `${CLIENT_ID} `],
    ['our id inside a longer one', `${CLIENT_ID}-admin`],
    ['an object', { client: CLIENT_ID }],
  ])('%s: nobody is signed in', async (_what, value) => {
    site.server.script = { claims: { aud: value } }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })

  test.each<[string, Record<string, unknown>]>([
    ['somebody else is the authorized party', { aud: [CLIENT_ID, 'another-client'], azp: 'another-client' }],
    ['several audiences and no authorized party', { aud: [CLIENT_ID, 'another-client'] }],
  ])('%s: nobody is signed in', async (_what, claims) => {
    site.server.script = { claims }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(502)
    expect(page.text).toContain('ERR_AUTH_UNTRUSTED')
    expect((await site.me(browser)).status).toBe(401)
  })
})
