import { describe, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { logoutToken, sendLogoutToken, SID, signedInWith } from '../support/logout-tokens.ts'
import { SUBJECT } from '../support/scripted-server.ts'
import { scriptedSites, type ScriptedSite, type ScriptedSiteOptions } from '../support/scripted-site.ts'
import { until } from '../support/until.ts'

const startSite = scriptedSites()

const ended = (site: ScriptedSite): unknown[] => site.events.filter(({ type }) => type === 'sign-out')

describe('a logout token of the authorization server (OpenID Connect Back-Channel Logout 1.0)', () => {
  test('is answered with 200, no-store, and no cookie', async () => {
    const site = await startSite()
    await signedInWith(site)

    const answer = await sendLogoutToken(site, await logoutToken(site))

    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await answer.text()).toBe('')
  })

  test('with "sid" ends that session, and no other of the same end-user', async () => {
    const site = await startSite()
    const [meant, other] = [await signedInWith(site), await signedInWith(site, { sid: 'another session' })]

    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)

    expect((await site.me(meant)).status).toBe(401)
    expect((await site.me(other)).status).toBe(200)
    expect(ended(site)).toEqual([expect.objectContaining({ subject: SUBJECT })])
  })

  test('with "sid" alone does the same', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)

    expect((await sendLogoutToken(site, await logoutToken(site, { sub: undefined }))).status).toBe(200)

    expect((await site.me(browser)).status).toBe(401)
  })

  test('with "sub" alone ends all sessions of that end-user, and nobody else’s', async () => {
    const site = await startSite()
    const meant = [await signedInWith(site), await signedInWith(site, { sid: 'another' }), await signedInWith(site, {})]
    const bob = await signedInWith(site, { sub: 'bob', sid: 'bob’s' })

    expect((await sendLogoutToken(site, await logoutToken(site, { sid: undefined }))).status).toBe(200)

    const answers = await Promise.all(meant.map((browser) => site.me(browser)))
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
    expect((await site.me(bob)).status).toBe(200)
  })

  test.each(['a session that nobody has here', SID])('for %s, with nobody signed in, is a success', async (sid) => {
    const site = await startSite()

    expect((await sendLogoutToken(site, await logoutToken(site, { sid }))).status).toBe(200)
  })

  test('revokes the tokens, without making the server wait for that', async () => {
    const site = await startSite()
    await signedInWith(site)
    let release = (): void => {}
    site.server.script = { revocationAnswer: (res) => void (release = () => res.writeHead(200).end()) }

    const answer = await sendLogoutToken(site, await logoutToken(site))

    expect(answer.status).toBe(200)
    await until(() => site.server.requests('/revoke').length === 1, 'the revocation')
    release()
    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'signed-out' }))
  })

  test('is taken at the route that the options name, below the mount point', async () => {
    const site = await startSite({ options: { routes: { backchannelLogout: '/sso/ended' } } })
    const browser = await signedInWith(site)
    const body = new URLSearchParams({ logout_token: await logoutToken(site) })

    expect((await sendLogoutToken(site, 'x')).status).toBe(404)
    expect((await fetch(`${site.url}/sso/ended`, { method: 'POST', body })).status).toBe(200)

    expect((await site.me(browser)).status).toBe(401)
  })

  test.each<[string, ScriptedSiteOptions]>([
    ['a parser of forms', { before: (app) => app.use(express.urlencoded({ extended: true })) }],
    ['a parser of texts', { before: (app) => app.use(express.text({ type: '*/*' })) }],
    [
      'a session of its own',
      { before: (app) => app.use(session({ secret: 'of the app', resave: false, saveUninitialized: false })) },
    ],
  ])('is understood where the application mounted %s before', async (_what, options) => {
    const site = await startSite(options)
    const browser = await signedInWith(site)

    const answer = await sendLogoutToken(site, await logoutToken(site))

    expect(answer.status).toBe(200)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect((await site.me(browser)).status).toBe(401)
  })

  test('needs nobody but the browser and this application once the keys are known: the server may be gone', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const token = await logoutToken(site)
    await site.server.close()

    expect((await sendLogoutToken(site, token)).status).toBe(200)

    expect((await site.me(browser)).status).toBe(401)
  })

  test('which is no JWT of type logout+jwt is accepted from an older server only by permission', async () => {
    const site = await startSite({ provider: { acceptUntypedLogoutTokens: true } })
    for (const typ of ['JWT', undefined, 'logout+jwt']) {
      const browser = await signedInWith(site)

      expect((await sendLogoutToken(site, await logoutToken(site, {}, { typ }))).status).toBe(200)

      expect((await site.me(browser)).status).toBe(401)
    }
  })

  test('may leave "exp" out, and may name several audiences', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)

    const token = await logoutToken(site, { exp: undefined, aud: ['another', 'test-app'] })

    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect((await site.me(browser)).status).toBe(401)
  })

  test('whose end failed may be sent again: the store was away', async () => {
    let isAway = false
    class FragileStore extends MemorySessionStore {
      override destroy(id: string, done?: (error?: unknown) => void): void {
        if (isAway) done?.(new Error('away'))
        else super.destroy(id, done)
      }
    }
    const store = new FragileStore(() => Date.now())
    const site = await startSite({ options: { session: { store } } })
    const browser = await signedInWith(site)
    const token = await logoutToken(site)

    isAway = true
    const failed = await sendLogoutToken(site, token)
    isAway = false

    expect(failed.status).toBe(400)
    expect(failed.headers.get('retry-after')).toBe('1')
    expect((await failed.json()) as unknown).toMatchObject({ error: 'invalid_request' })
    expect((await site.me(browser)).status).toBe(200)
    expect((await sendLogoutToken(site, token)).status).toBe(200)
    expect((await site.me(browser)).status).toBe(401)
  })
})
