import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { scriptedSites, startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

describe('an authorization response without the issuer (RFC 9207 §2.4)', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('that the server promises: nobody is signed in, the code is not redeemed', async () => {
    site.server.script = { authorizationResponse: (response) => response.delete('iss') }

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(0)
  })

  test('that the server never promised: the user is signed in', async () => {
    const older = await startSite()
    older.server.script = {
      metadata: { authorization_response_iss_parameter_supported: undefined },
      authorizationResponse: (response) => response.delete('iss'),
    }

    const page = await older.signIn(older.browser())

    expect(page.status).toBe(200)
  })
})
