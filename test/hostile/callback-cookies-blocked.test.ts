import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a browser that keeps no cookies', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('ends on an error page that says so, and not in a loop', async () => {
    const page = await site.browser().navigate(`${site.url}/me`, { headers: { cookie: '' } })

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect(page.text).toContain('allow cookies')
    expect(page.hops.length).toBeLessThan(15)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(0)
  })
})
