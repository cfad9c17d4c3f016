import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants, type GrantStore } from '../../lib/index.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'
import { until } from '../support/until.ts'

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
  const revocations = (): number => site.server.requests('/revoke').length
  const ended = (grantId: string): boolean =>
    site.events.some((event) => event.type === 'grant-ended' && event.grantId === grantId && event.why === 'signed-out')

  test('signs out here, and leaves no promise behind that would end the process', async () => {
    const browser = await site.signedIn()
    jest.spyOn(grants, 'end').mockRejectedValue(new Error('connection lost'))

    const answer = await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect(answer.status).toBe(200)
    expect(unhandled).not.toHaveBeenCalled()
    expect((await site.me(browser)).status).toBe(401)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'revocation-failed' }))
  })

  test('is made good when it is back: the grant ends, and its tokens are revoked', async () => {
    const browser = await site.signedIn()
    const subject = site.auth.grants.forSubject('alice')
    const [{ id } = { id: '' }] = (await subject.list()).slice(-1)
    const before = revocations()
    const away = jest.spyOn(grants, 'end').mockRejectedValue(new Error('connection lost'))

    await browser.post(`${site.url}/logout`, new URLSearchParams())
    expect((await subject.list()).map((one) => one.id)).toContain(id)
    away.mockRestore()

    // That of the test before is made good now as well.
    await until(() => ended(id) && revocations() > before, 'the end and the revocation')
    expect((await subject.list()).map((one) => one.id)).not.toContain(id)
  })

  test('no token of it is served here meanwhile', async () => {
    await site.auth.grants.forSubject('alice').revoke()
    const browser = await site.signedIn()
    jest.spyOn(grants, 'end').mockRejectedValue(new Error('connection lost'))

    await browser.post(`${site.url}/logout`, new URLSearchParams())

    await expect(site.auth.grants.forSubject('alice').accessToken()).rejects.toMatchObject({
      code: 'ERR_AUTH_UNAVAILABLE',
    })
  })

  test('close() waits for it', async () => {
    const own = await startScriptedSite({ options: { grants } })
    await own.auth.grants.forSubject('alice').revoke()
    const browser = await own.signedIn()
    const away = jest.spyOn(grants, 'end').mockRejectedValue(new Error('connection lost'))
    await browser.post(`${own.url}/logout`, new URLSearchParams())
    let isClosed = false
    const closing = own.close().then(() => (isClosed = true))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(isClosed).toBe(false)

    away.mockRestore()
    await closing

    expect(own.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'signed-out' }))
    expect(await grants.find({ provider: 'main', subject: 'alice' })).toEqual([])
  })

  test('only the answer is lost: the tokens are revoked all the same', async () => {
    const browser = await site.signedIn()
    const before = revocations()
    const end = grants.end.bind(grants)
    // As a Redis client does that sends a command again when the connection is back: the second finds the tombstone.
    jest.spyOn(grants, 'end').mockImplementation(async (id, why) => {
      await end(id, why)
      return end(id, why)
    })

    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect(revocations()).toBe(before + 1)
  })
})
