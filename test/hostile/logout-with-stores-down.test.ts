import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants, type GrantStore } from '../../lib/index.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

/** A session store that takes its time, as one behind a network does. */
class SlowStore extends session.MemoryStore {
  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    setTimeout(() => super.destroy(sid, callback), 50)
  }
}

describe('signing out while the grant store is down', () => {
  const grants: GrantStore = memoryGrants()
  const unhandled = jest.fn()
  let site: ScriptedSite
  beforeAll(async () => {
    process.on('unhandledRejection', unhandled)
    site = await startScriptedSite({ options: { grants, session: { store: new SlowStore() } } })
  })
  afterEach(() => {
    jest.restoreAllMocks()
  })
  afterAll(async () => {
    process.off('unhandledRejection', unhandled)
    await site.close()
  })

  test('signs out here, and leaves no promise behind that would end the process', async () => {
    const browser = await site.signedIn()
    jest.spyOn(grants, 'end').mockRejectedValue(new Error('connection lost'))

    const answer = await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect(answer.status).toBe(200)
    expect(unhandled).not.toHaveBeenCalled()
    expect((await site.me(browser)).status).toBe(401)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'revocation-failed' }))
  })
})
