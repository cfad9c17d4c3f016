import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import type { Browser } from '../support/browser.ts'
import { startScriptedSite, type ScriptedSite, type ScriptedSiteOptions } from '../support/scripted-site.ts'

declare module 'express-session' {
  interface SessionData {
    role?: string
    cart?: string[]
  }
}

const keepCart: ScriptedSiteOptions = {
  options: { keepInSession: ['cart'] },
  routes(app) {
    app.get('/plant', (req, res) => {
      Object.assign(req.session, { role: 'admin', cart: ['tea'] })
      res.end()
    })
    app.get('/peek', (req, res) => void res.json({ role: req.session.role, cart: req.session.cart }))
  },
}

describe.each<[string, ScriptedSiteOptions]>([
  ['with the session of the package', keepCart],
  [
    'with a session of the application',
    {
      ...keepCart,
      before: (app) =>
        app.use(session({ secret: 'the secret of the application', resave: false, saveUninitialized: false })),
    },
  ],
])('session fixation, %s', (_what, options) => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite(options)
  })
  afterAll(async () => {
    await site.close()
  })

  /** A browser of the attacker with data in its session, and one of the victim with the same cookie. */
  async function plantedPair(): Promise<{ attacker: Browser; victim: Browser }> {
    const [attacker, victim] = [site.browser(), site.browser()]
    await attacker.get(`${site.url}/plant`)
    plant(attacker, victim)
    return { attacker, victim }
  }

  function plant(from: Browser, into: Browser): void {
    for (const cookie of from.cookies(site.url)) into.jar.setCookieSync(cookie.toString(), site.url)
  }

  test('a planted session id is not the one that is signed in', async () => {
    const { attacker, victim } = await plantedPair()
    expect(victim.cookieHeader(site.url)).toBe(attacker.cookieHeader(site.url))

    await site.signIn(victim)

    expect((await site.me(victim)).status).toBe(200)
    expect((await site.me(attacker)).status).toBe(401)
    expect(victim.cookieHeader(site.url)).not.toBe(attacker.cookieHeader(site.url))
  })

  test('planted data is gone after the sign-in, but for the keys that the application named', async () => {
    const { victim } = await plantedPair()

    await site.signIn(victim)

    expect((await victim.get(`${site.url}/peek`)).json()).toEqual({ cart: ['tea'] })
  })

  test('the planted session id opens nothing any more', async () => {
    const { attacker, victim } = await plantedPair()

    await site.signIn(victim)

    expect((await attacker.get(`${site.url}/peek`)).json()).toEqual({})
  })

  test('every sign-in gets a new id, and the one before opens nothing', async () => {
    const victim = await site.signedIn()
    const thief = site.browser()
    plant(victim, thief)
    const before = victim.cookieHeader(site.url)

    await victim.navigate(`${site.url}/login?returnTo=/me`)

    expect((await site.me(victim)).status).toBe(200)
    expect(victim.cookieHeader(site.url)).not.toBe(before)
    expect((await site.me(thief)).status).toBe(401)
  })

  test('after sign-out the id opens nothing', async () => {
    const victim = await site.signedIn()
    const thief = site.browser()
    plant(victim, thief)

    await victim.post(`${site.url}/logout`, new URLSearchParams())

    expect((await site.me(thief)).status).toBe(401)
    expect((await site.use(thief)).status).toBe(401)
  })

  test('an id that the attacker made up is not taken', async () => {
    const victim = site.browser()
    const name = (await site.signedIn()).cookies(site.url)[0]?.key ?? ''
    victim.jar.setCookieSync(`${name}=s%3Aattacker-chose-this.c2lnbmF0dXJl`, site.url)

    await site.signIn(victim)

    expect((await site.me(victim)).status).toBe(200)
    expect(victim.cookieHeader(site.url)).not.toContain('attacker-chose-this')
  })
})
