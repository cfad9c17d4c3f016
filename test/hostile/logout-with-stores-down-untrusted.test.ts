import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { memoryGrants } from '../../lib/index.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

describe("a refresh that is answered with somebody else's ID Token while the grant cannot be ended", () => {
  let way: UnreliableStore
  let site: ScriptedSite
  beforeEach(async () => {
    way = unreliable(memoryGrants())
    site = await startScriptedSite({ options: { grants: way.store } })
  })
  afterEach(async () => {
    way.back()
    await site.close()
  })

  test('serves none, revokes those tokens at once, and ends the grant when the store is back', async () => {
    const browser = await site.signedIn()
    site.server.script = { claims: { sub: 'mallory' } }
    site.expireAccessToken()
    way.refuse('end')

    expect((await site.use(browser)).status).toBe(503)
    expect(site.server.requests('/revoke')[0]?.parameters.get('token')).toBe(site.server.secrets.at(-2))
    expect(await site.auth.grants.forSubject('alice').list()).toHaveLength(1)
    way.back()

    await until(async () => (await site.auth.grants.forSubject('alice').list()).length === 0, 'the end of the grant')
    expect((await site.use(browser)).status).toBe(401)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'untrusted' }))
  })
})
