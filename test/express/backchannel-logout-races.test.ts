import { describe, expect, test } from '@jest/globals'
import type { SessionData } from 'express-session'
import { AuthError, memoryGrants, type GrantStore } from '../../lib/index.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import type { Browser, Page } from '../support/browser.ts'
import { logoutToken, sendLogoutToken, SID, signedInWith } from '../support/logout-tokens.ts'
import { json, SUBJECT, type GrantType, type Script } from '../support/scripted-server.ts'
import { scriptedSites, type ScriptedSite, type ScriptedSiteOptions } from '../support/scripted-site.ts'
import { until } from '../support/until.ts'

const startSite = scriptedSites()

interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
}

function gate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** A server whose token answer is on its way until the gate opens; the ID Token in it is signed by then. */
function slowly(grantType: GrantType, { opened }: Gate, tokens: Record<string, unknown> = {}): Script {
  return {
    claims: { sid: SID },
    tokenAnswer: (honest, asked) => (res) =>
      asked === grantType ? void opened.then(() => json({ ...honest, ...tokens })(res)) : json(honest)(res),
  }
}

const signedOut = async (site: ScriptedSite, browser: ReturnType<ScriptedSite['browser']>): Promise<boolean> =>
  (await site.me(browser)).status === 401

describe('a logout token that comes while a sign-in is under way', () => {
  test.each<[string, Record<string, unknown>]>([
    ['with "sid"', {}],
    ['with "sub"', { sid: undefined }],
  ])('whose ID Token was issued before (%s): it does not last', async (_how, claims) => {
    const site = await startSite()
    await signedInWith(site, { sub: 'bob', sid: 'bob’s' }) // the keys are known
    const answer = gate()
    site.server.script = slowly('authorization_code', answer)
    const browser = site.browser()
    const page = site.signIn(browser)
    await until(() => site.server.tokenRequests('authorization_code').length === 2, 'the code')

    expect((await sendLogoutToken(site, await logoutToken(site, claims))).status).toBe(200)
    answer.open()
    expect((await page).status).toBe(200)

    site.clock.advance({ seconds: 1 })
    await until(() => signedOut(site, browser), 'the end of the sign-in')
  })

  test('and whose session is not stored yet: it never is', async () => {
    const stored = gate()
    let isHeld = false
    class SlowStore extends MemorySessionStore {
      override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
        const grantId = Object.values(session.latchkey ?? {}).find(({ account }) => account !== undefined)
        if (grantId === undefined) return super.set(id, session, done)
        isHeld = true
        void stored.opened.then(() => super.set(id, session, done))
      }
    }
    const site = await startSite({ options: { session: { store: new SlowStore(() => Date.now()) } } })
    site.server.script = { claims: { sid: SID } }
    const browser = site.browser()
    const page = site.signIn(browser)
    await until(() => isHeld, 'the session')

    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    // The browser comes back without a session, and this server would sign anybody in again.
    site.server.script = {
      authorizationResponse(parameters) {
        parameters.delete('code')
        parameters.set('error', 'access_denied')
      },
    }
    stored.open()

    expect((await page).status).toBe(403)
    expect(await signedOut(site, browser)).toBe(true)
  })

  /** A code that is being exchanged when the token comes; its ID Token was issued before. */
  async function signingIn(
    given: ScriptedSiteOptions = {},
  ): Promise<{ site: ScriptedSite; browser: Browser; answer: Gate; page: Promise<Page> }> {
    const site = await startSite(given)
    await signedInWith(site, { sub: 'bob', sid: 'bob’s' }) // the keys are known
    const answer = gate()
    site.server.script = slowly('authorization_code', answer)
    const browser = site.browser()
    const page = site.signIn(browser)
    await until(() => site.server.tokenRequests('authorization_code').length === 2, 'the code')
    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    return { site, browser, answer, page }
  }

  test.each([1, 2])('and the store is away when it is looked for, %i times: it does not last', async (times) => {
    const grants = memoryGrants()
    const find = grants.find.bind(grants)
    let failures = 0
    grants.find = async (query) => {
      if (looks.at(-1) !== 'away') return find(query)
      failures += 1
      throw new Error('away')
    }
    const looks: ('away' | 'there')[] = ['there']
    const { site, browser, answer, page } = await signingIn({ options: { grants } })
    answer.open()
    expect((await page).status).toBe(200)

    looks.push('away')
    for (const seconds of [1, 3].slice(0, times)) {
      const before = failures
      site.clock.advance({ seconds })
      await until(() => failures > before, 'the look')
    }
    looks.push('there')
    await until(async () => {
      site.clock.advance({ seconds: 5 })
      return signedOut(site, browser)
    }, 'the end of the sign-in')
  })

  test('and takes as long as the server is given: it does not last', async () => {
    const { site, browser, answer, page } = await signingIn({ options: { timeoutMs: 60_000 } })
    for (let seconds = 0; seconds < 55; seconds += 5) {
      site.clock.advance({ seconds: 5 })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    answer.open()
    expect((await page).status).toBe(200)
    expect(await signedOut(site, browser)).toBe(false)

    site.clock.advance({ seconds: 5 })
    await until(() => signedOut(site, browser), 'the end of the sign-in')
  })

  test('and is refreshed before it is looked for: it does not last', async () => {
    const { site, browser, answer, page } = await signingIn({
      routes(app) {
        app.get('/api', (_req, res) => void res.sendStatus(401))
        app.get('/refused', async (req, res) => {
          await req.auth.fetch(`http://${req.headers.host}/api`)
          res.json({})
        })
      },
    })
    answer.open()
    expect((await page).status).toBe(200)
    site.server.script = { claims: { sid: SID, iat: Math.floor(site.clock.now() / 1_000) + 60 } }
    // The API says that the token is no good, so that it is refreshed.
    expect((await browser.get(`${site.url}/refused`)).status).toBe(200)
    expect(site.server.tokenRequests('refresh_token')).toHaveLength(1)

    site.clock.advance({ seconds: 1 })
    await until(() => signedOut(site, browser), 'the end of the sign-in')
  })

  test('and the process is told to end: it looks a last time before it does', async () => {
    const { site, browser, answer, page } = await signingIn()
    answer.open()
    expect((await page).status).toBe(200)
    expect(await signedOut(site, browser)).toBe(false)

    await site.auth.close()

    expect(await signedOut(site, browser)).toBe(true)
  })

  test.each<[string, Record<string, unknown>]>([
    ['with "sid"', {}],
    ['with "sub"', { sid: undefined }],
  ])('a sign-in that begins after it goes on, however soon (%s)', async (_how, claims) => {
    const site = await startSite()
    const before = await signedInWith(site)
    expect((await sendLogoutToken(site, await logoutToken(site, claims))).status).toBe(200)
    const after = await signedInWith(site)

    for (const seconds of [1, 4, 20, 40]) {
      site.clock.advance({ seconds })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }

    expect(await signedOut(site, before)).toBe(true)
    expect(await signedOut(site, after)).toBe(false)
  })
})

describe('a logout token that comes while a refresh is under way', () => {
  test('the tokens that come too late are not stored, but revoked; nobody gets them', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const answer = gate()
    site.server.script = slowly('refresh_token', answer, { refresh_token: 'the-late-refresh-token' })
    site.expireAccessToken()
    const use = site.use(browser)
    await until(() => site.server.tokenRequests('refresh_token').length === 1, 'the refresh')

    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    answer.open()

    expect((await use).status).toBe(401)
    const revoked = (): (string | null)[] =>
      site.server.requests('/revoke').map(({ parameters }) => parameters.get('token'))
    await until(() => revoked().includes('the-late-refresh-token'), 'its revocation')
    expect(revoked()).toHaveLength(2)
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'refresh', result: 'ended' }))
    expect(await signedOut(site, browser)).toBe(true)
  })
})

describe('a grant store that two applications share', () => {
  test('a logout token ends the sign-ins at its own server, though the other has sessions and users of the same name', async () => {
    const grants: GrantStore = memoryGrants()
    const [one, other] = [await startSite({ options: { grants } }), await startSite({ options: { grants } })]
    const [here, there] = [await signedInWith(one), await signedInWith(other)]

    expect((await sendLogoutToken(one, await logoutToken(one))).status).toBe(200)
    expect((await sendLogoutToken(one, await logoutToken(one, { sid: undefined }))).status).toBe(200)

    expect(await signedOut(one, here)).toBe(true)
    expect(await signedOut(other, there)).toBe(false)
    expect((await other.use(there)).status).toBe(200)
  })
})

describe('a logout token for several sign-ins, the record of one of which cannot be read', () => {
  test('ends the others, is told as failed, and may be sent again', async () => {
    const grants = memoryGrants()
    const inspect = grants.inspect.bind(grants)
    let unreadable: string | undefined
    grants.inspect = async (id) => {
      if (id === unreadable) throw new AuthError('ERR_AUTH_RECORD', 'this record is damaged')
      return inspect(id)
    }
    const site = await startSite({ options: { grants } })
    const [first, second] = [await signedInWith(site), await signedInWith(site, { sid: 'another' })]
    const [damaged] = await grants.find({ provider: 'main', subject: SUBJECT })
    const token = await logoutToken(site, { sid: undefined })

    unreadable = damaged
    const failed = await sendLogoutToken(site, token)
    expect(failed.status).toBe(400)
    expect(await failed.text()).not.toContain('damaged')
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'error', code: 'ERR_AUTH_RECORD' }))
    expect(await signedOut(site, second)).toBe(true)
    expect(await signedOut(site, first)).toBe(false)

    unreadable = undefined
    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect(await signedOut(site, first)).toBe(true)
  })
})
