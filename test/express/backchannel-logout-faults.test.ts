import { describe, expect, test } from '@jest/globals'
import type { SessionData } from 'express-session'
import { memoryGrants, type GrantStore } from '../../lib/index.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import type { Browser } from '../support/browser.ts'
import { expectRefused, logoutToken, sendLogoutToken, SID, signedInWith } from '../support/logout-tokens.ts'
import { scriptedSites, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

type Operation = keyof GrantStore

/** A store that goes away: with the first call of an operation, and for all that follow; or for some operations alone. */
function fragile(): { grants: GrantStore; goesAwayAt?: Operation | undefined; refuses?: Operation | undefined } {
  let isAway = false
  const handle: ReturnType<typeof fragile> = {
    grants: new Proxy(memoryGrants(), {
      get(store, name: Operation) {
        const method: unknown = Reflect.get(store, name)
        if (typeof method !== 'function') return method
        return async (...given: unknown[]): Promise<unknown> => {
          if (handle.goesAwayAt === undefined) isAway = false
          isAway ||= name === handle.goesAwayAt
          if (isAway || name === handle.refuses) throw new Error('away')
          return Reflect.apply(method, store, given) as Promise<unknown>
        }
      },
    }),
  }
  return handle
}

const signedOut = async (site: ScriptedSite, browser: Browser): Promise<boolean> =>
  (await site.me(browser)).status === 401

/** By the server's clock, which writes whole seconds. */
const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1_000) - seconds

/** A sign-in of a while ago, and a logout token that is younger than that and older than whatever comes next. */
async function signedInBefore(site: ScriptedSite): Promise<{ browser: Browser; token: string }> {
  const browser = await signedInWith(site, { sid: SID, iat: secondsAgo(20) })
  return { browser, token: await logoutToken(site, { iat: secondsAgo(10) }) }
}

describe('a logout token, while the store goes away', () => {
  test.each<Operation>(['find', 'inspect', 'end'])(
    'before "%s" is done: sent again it ends the sign-in',
    async (at) => {
      const store = fragile()
      const site = await startSite({ options: { grants: store.grants } })
      const { browser, token } = await signedInBefore(site)

      store.goesAwayAt = at
      const failed = await sendLogoutToken(site, token)
      store.goesAwayAt = undefined

      expect(failed.status).toBe(400)
      expect(failed.headers.get('retry-after')).toBe('1')
      expect((await sendLogoutToken(site, token)).status).toBe(200)
      expect(await signedOut(site, browser)).toBe(true)
      expect((await sendLogoutToken(site, token)).status).toBe(400)
    },
  )

  test('sent again, it leaves the sign-in alone that was made meanwhile', async () => {
    const store = fragile()
    const site = await startSite({ options: { grants: store.grants } })
    const { browser, token } = await signedInBefore(site)

    store.goesAwayAt = 'end'
    expect((await sendLogoutToken(site, token)).status).toBe(400)
    store.goesAwayAt = undefined
    const later = await signedInWith(site)

    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect(await signedOut(site, browser)).toBe(true)
    expect(await signedOut(site, later)).toBe(false)
    await expectRefused(site, later, token, 'replayed')
  })

  test('and cannot note that it was carried out (it is full): it was, and a replay finds nothing to end', async () => {
    const store = fragile()
    const site = await startSite({ options: { grants: store.grants } })
    const { browser, token } = await signedInBefore(site)

    store.refuses = 'remember'
    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect(await signedOut(site, browser)).toBe(true)
    const later = await signedInWith(site)

    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect(await signedOut(site, later)).toBe(false)
  })
})

describe('a logout token that is older than the ID Token of the sign-in', () => {
  test('which a refresh has brought: the sign-in itself is older, and ends', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    site.expireAccessToken()
    const now = Math.floor(site.clock.now() / 1_000)
    site.server.script = { claims: { sid: SID, iat: now } }
    expect((await site.use(browser)).status).toBe(200)

    expect((await sendLogoutToken(site, await logoutToken(site, { iat: now - 30 }))).status).toBe(200)

    expect(await signedOut(site, browser)).toBe(true)
  })

  test('which a refresh has brought, and so is the sign-in: it goes on', async () => {
    const site = await startSite()
    const token = await logoutToken(site, { iat: secondsAgo(10) })
    const browser = await signedInWith(site)
    site.expireAccessToken()
    site.server.script = { claims: { sid: SID, iat: Math.floor(site.clock.now() / 1_000) } }
    expect((await site.use(browser)).status).toBe(200)

    expect((await sendLogoutToken(site, token)).status).toBe(200)

    expect(await signedOut(site, browser)).toBe(false)
  })
})

/** As of a file that is not there. */
class StoreOfFiles extends MemorySessionStore {
  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    super.get(sid, (error, session) =>
      session ? callback(error, session) : callback(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
    )
  }
}

test('a store that calls a session that is not there an error is not taken for one that is away', async () => {
  const site = await startSite({ options: { session: { store: new StoreOfFiles(() => Date.now()) } } })
  const { browser, token } = await signedInBefore(site)

  expect((await sendLogoutToken(site, token)).status).toBe(200)
  expect(await signedOut(site, browser)).toBe(true)
})
