import { describe, expect, test } from '@jest/globals'
import session from 'express-session'
import type { Browser } from '../support/browser.ts'
import { scriptedSites, type ScriptedSite, type ScriptedSiteOptions } from '../support/scripted-site.ts'
import { until } from '../support/until.ts'

const startSite = scriptedSites()

/** A route whose request is under way until the test lets it end; express-session then stores the whole session, as it was. */
function slowRoute(): {
  routes: NonNullable<ScriptedSiteOptions['routes']>
  during: (site: ScriptedSite, browser: Browser, act: () => Promise<unknown>) => Promise<void>
} {
  let arrived = false
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    routes(app) {
      app.get('/slow', async (req, res) => {
        arrived = true
        await released
        Object.assign(req.session, { seen: true })
        res.end()
      })
    },
    async during(site, browser, act) {
      const slow = browser.get(`${site.url}/slow`)
      await until(() => arrived, 'the slow request')
      await act()
      release()
      await slow
    },
  }
}

describe.each<[string, ScriptedSiteOptions]>([
  ['the session of the package', {}],
  [
    'a session of the application that is saved by every request',
    {
      before: (app) =>
        app.use(session({ secret: 'the secret of the application', resave: true, saveUninitialized: false })),
    },
  ],
])('a request that outlasts a sign-out writes %s back', (_what, options) => {
  test('and nobody is signed in by that', async () => {
    const { routes, during } = slowRoute()
    const site = await startSite({ ...options, routes })
    const browser = await site.signedIn()
    const cookie = browser.cookieHeader(site.url)

    await during(site, browser, () => browser.post(`${site.url}/logout`, new URLSearchParams()))

    expect((await site.me(browser)).status).toBe(401)
    expect((await browser.get(`${site.url}/me`, { headers: { cookie } })).status).toBe(401)
  })

  test('nor by one that outlasts the next sign-in', async () => {
    const { routes, during } = slowRoute()
    const site = await startSite({ ...options, routes })
    const browser = await site.signedIn()
    const cookie = browser.cookieHeader(site.url)

    await during(site, browser, () => browser.navigate(`${site.url}/login?returnTo=/me`))

    expect((await site.me(browser)).status).toBe(200)
    expect((await site.browser().get(`${site.url}/me`, { headers: { cookie } })).status).toBe(401)
  })
})
