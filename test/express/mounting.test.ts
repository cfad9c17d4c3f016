import { describe, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import { latchkey } from '../../lib/index.ts'
import { Browser, type Page } from '../support/browser.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { signIn } from '../support/sign-in.ts'

async function using(site: MountedApp, use: (site: MountedApp) => Promise<void>): Promise<void> {
  try {
    await use(site)
  } finally {
    await site.close()
  }
}

describe('mounted under a path', () => {
  const start = (): Promise<MountedApp> =>
    startMountedApp(['/auth'], ({ options, runtime }) => {
      const app = express()
      const auth = latchkey(options('/auth'), runtime)
      app.use('/auth', auth)
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      app.get('/login', (_req, res) => void res.send('of the application'))
      app.get('/auth/extra', (_req, res) => void res.send('of the application, too'))
      return app
    })

  test('all of its addresses lie there, and guards work outside', async () => {
    await using(await start(), async (site) => {
      const browser = await site.signedIn('/me?x=1')

      expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })
      expect((await browser.get(`${site.url}/login`)).text).toBe('of the application')
      expect((await browser.get(`${site.url}/auth/extra`)).text).toBe('of the application, too')
      expect((await browser.get(`${site.url}/auth/nothing`)).status).toBe(404)
    })
  })

  test('what it says of itself has the path in it', async () => {
    await using(await start(), async (site) => {
      const { browser, page } = await unsigned(site)

      expect(page.headers.get('location')).toBe('/auth/login?returnTo=%2Fme')
      const answer = await browser.get(`${site.url}/me`)
      expect(answer.json()).toMatchObject({ loginUrl: `${site.url}/auth/login` })
      const begun = await browser.navigate(`${site.url}/auth/login`, { redirectLimit: 0 })
      const request = new URL(begun.headers.get('location') ?? '')
      expect(request.searchParams.get('redirect_uri')).toBe(`${site.url}/auth/callback`)
    })
  })

  test('a return path that is one of its routes leads home', async () => {
    await using(await start(), async (site) => {
      const page = await signIn(new Browser(), `${site.url}/auth/login?returnTo=/auth/logout`)

      expect(page.url.pathname).toBe('/')
    })
  })

  test('signs out there', async () => {
    await using(await start(), async (site) => {
      const browser = await site.signedIn('/me')

      const question = await browser.navigate(`${site.url}/auth/logout`)
      const left = await browser.submitForm(question)

      expect(question.forms[0]?.action.pathname).toBe('/auth/logout')
      expect(left.hops[0]).toMatchObject({ method: 'POST', status: 303 })
      expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    })
  })

  async function unsigned(site: MountedApp): Promise<{ browser: Browser; page: Page }> {
    // prettier-ignore
    const browser = new Browser()
    return { browser, page: await browser.navigate(`${site.url}/me`, { redirectLimit: 0 }) }
  }
})

describe('two instances side by side', () => {
  const start = (isShared: boolean): Promise<MountedApp> =>
    startMountedApp(['/staff', '/guests'], ({ options, runtime }) => {
      const app = express()
      const staff = latchkey({ ...options('/staff'), name: 'staff' }, runtime)
      const guests = latchkey({ ...options('/guests'), name: 'guests' }, runtime)
      if (isShared) app.use(session({ secret: 'of the application', resave: false, saveUninitialized: false }))
      app.use('/staff', staff)
      app.use('/guests', guests)
      app.get('/at-work', staff.requireAuth(), (req, res) => void res.json(['staff', req.auth.user?.sub]))
      app.get('/at-play', guests.requireAuth(), (req, res) => void res.json(['guests', req.auth.user?.sub]))
      app.get('/both', staff.requireAuth(), guests.requireAuth(), (_req, res) => void res.json('both'))
      return app
    })

  test('know each their own user, in a session each', async () => {
    await using(await start(false), async (site) => {
      const browser = await site.signedIn('/at-work')
      await signIn(browser, `${site.url}/at-play`, { login: 'bob', password: 'builder' })

      expect((await browser.get(`${site.url}/at-work`)).json()).toEqual(['staff', 'alice'])
      expect((await browser.get(`${site.url}/at-play`)).json()).toEqual(['guests', expect.any(String)])
    })
  })

  test('know each their own user, in the one session of the application', async () => {
    await using(await start(true), async (site) => {
      const browser = await site.signedIn('/at-work')

      expect((await browser.get(`${site.url}/at-work`)).json()).toEqual(['staff', 'alice'])
      const answer = await browser.get(`${site.url}/at-play`)
      expect(answer.status).toBe(401)
      expect(answer.json()).toMatchObject({ loginUrl: `${site.url}/guests/login` })

      expect((await signIn(browser, `${site.url}/at-play`, { login: 'bob', password: 'builder' })).status).toBe(200)
      expect((await browser.get(`${site.url}/at-work`)).json()).toEqual(['staff', 'alice'])
      expect((await browser.get(`${site.url}/both`)).json()).toBe('both')
    })
  })

  test('do not accept each other’s answers', async () => {
    await using(await start(false), async (site) => {
      const browser = new Browser()
      const begun = await browser.navigate(`${site.url}/staff/login`, { redirectLimit: 0 })
      const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state') ?? ''

      const page = await browser.navigate(`${site.url}/guests/callback?code=x&state=${state}`, { redirectLimit: 0 })

      expect(page.status).toBe(400)
      expect(page.headers.get('location')).toBeNull()
      expect(site.authorizationServer.tokenRequests()).toHaveLength(0)
    })
  })
})
