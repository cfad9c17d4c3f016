import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { SessionData } from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

/** Fails on command, once the server has issued the tokens: when it is to keep a session that is signed in, or already when one is read. */
class FailingStore extends MemorySessionStore {
  fails: 'never' | 'set' | 'get' = 'never'
  isCodeRedeemed: () => boolean = () => false

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    if (this.fails === 'get' && this.isCodeRedeemed()) return done(new Error('connection refused'))
    super.get(id, done)
  }

  override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
    const isSignedIn = Object.values(session.latchkey ?? {}).some(({ account }) => account !== undefined)
    if (this.fails === 'set' && isSignedIn && this.isCodeRedeemed()) return done?.(new Error('connection refused'))
    super.set(id, session, done)
  }
}

describe('a sign-in that fails after the server has issued its tokens', () => {
  let way: UnreliableStore
  let store: FailingStore
  let site: ScriptedSite
  beforeEach(async () => {
    way = unreliable(memoryGrants())
    store = new FailingStore(() => Date.now())
    const refresh = { deadlineMs: 2_000, leaseMs: 3_000, waitMs: 700, storeTimeoutMs: 200 }
    site = await startScriptedSite({ options: { grants: way.store, session: { store }, refresh } })
  })
  afterEach(async () => {
    way.back()
    await site.close()
  })

  const alice = (): ReturnType<ScriptedSite['auth']['grants']['forSubject']> => site.auth.grants.forSubject('alice')
  const failAt = (operation: 'get' | 'set'): void => {
    const codes = (): number => site.server.tokenRequests('authorization_code').length
    const before = codes()
    store.isCodeRedeemed = () => codes() > before
    store.fails = operation
  }
  const revoked = (): number => site.server.requests('/revoke').length

  describe.each<[string, () => void]>([
    ['the grant store refuses', () => way.refuse('create')],
    ['the answer of the grant store gets lost', () => way.loseAnswersOf('create')],
    ['the grant store answers too late', () => way.hang('create')],
    ['the grant store is away when it should forget it, too', () => (way.loseAnswersOf('create'), way.refuse('end'))],
    ['the session store refuses', () => failAt('set')],
    ['the session store is away by then', () => failAt('get')],
  ])('because %s', (_why, fail) => {
    test('leaves no grant behind that a job could use, and its tokens are revoked', async () => {
      fail()
      expect((await site.signIn(site.browser())).status).toBe(503)
      way.back()
      store.fails = 'never'

      await until(() => revoked() === 1, 'the revocation')
      await until(async () => (await alice().list()).length === 0, 'the end of the grant')
      await new Promise((resolve) => setTimeout(resolve, 50)) // whatever the store still does
      await expect(alice().accessToken()).rejects.toMatchObject({ code: 'ERR_AUTH_REQUIRED' })
      const ended = site.events.flatMap((event) => (event.type === 'grant-ended' ? [event.why] : []))
      expect(['', 'abandoned']).toContain(ended.join())
      expect(revoked()).toBe(1)
    })
  })

  describe.each<[string, () => void]>([
    ['the grant store', () => way.loseAnswersOf('create')],
    ['the session store', () => failAt('set')],
  ])('because of %s, in a session that was signed in', (_why, fail) => {
    test('leaves that as it was, and its tokens are not put at risk', async () => {
      const browser = await site.signedIn()
      fail()
      expect((await browser.navigate(`${site.url}/login`)).status).toBe(503)
      way.back()
      store.fails = 'never'

      expect((await site.me(browser)).status).toBe(200)
      expect((await site.use(browser)).status).toBe(200)
      await until(async () => (await alice().list()).length === 1, 'the end of the other grant')
      // Many servers keep one grant for all sign-ins of a browser.
      expect(revoked()).toBe(0)
    })

    test("revokes another end-user's all the same", async () => {
      const browser = await site.signedIn()
      site.server.script = { claims: { sub: 'bob' } }
      fail()
      expect((await browser.navigate(`${site.url}/login`)).status).toBe(503)

      await until(() => revoked() === 1, 'the revocation')
      way.back()
      expect((await site.use(browser)).status).toBe(200)
    })
  })
})
