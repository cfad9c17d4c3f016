import { describe, expect, test } from '@jest/globals'
import express, { type Express } from 'express'
import session from 'express-session'
import { latchkey, type LatchkeyOptions } from '../../lib/index.ts'
import { Browser } from '../support/browser.ts'
import { signIn } from '../support/sign-in.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'

interface Arrangement {
  readonly before?: (app: Express) => void
  readonly after?: (app: Express) => void
  readonly options?: Partial<LatchkeyOptions>
}

async function using(
  { before, after, options: more }: Arrangement,
  use: (site: MountedApp) => Promise<void>,
): Promise<void> {
  // prettier-ignore
  const site = await startMountedApp([''], ({ options, runtime }) => {
    const app = express()
    const auth = latchkey({ ...options(), ...more }, runtime)
    before?.(app)
    app.use(auth)
    after?.(app)
    app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
    app.get('/open', (_req, res) => void res.send('open'))
    return app
  })
  try {
    await use(site)
  } finally {
    await site.close()
  }
}

const appSession = (store = new session.MemoryStore()): ReturnType<typeof session> =>
  session({ secret: 'of the application', name: 'app.sid', store, resave: false, saveUninitialized: false })

/** Without those of the authorization server, which is on the same host. */
function cookiesOf(browser: Browser, site: MountedApp): string[] {
  const names = browser.cookies(site.url).map(({ key }) => key)
  return names.filter((name) => !name.startsWith('_'))
}

describe('the application’s own session', () => {
  test('is used when it is mounted before us: one cookie, one signed-in record', async () => {
    const store = new session.MemoryStore()
    await using({ before: (app) => void app.use(appSession(store)) }, async (site) => {
      const browser = await site.signedIn('/me')

      expect(cookiesOf(browser, site)).toEqual(['app.sid'])
      const sessions = await new Promise((resolve) => store.all((_error, all) => resolve(all)))
      const notices = [{ latchkey: { main: { movedAt: expect.any(Number) } } }]
      expect(Object.values(sessions as object)).toMatchObject([
        ...notices,
        { latchkey: { main: { account: { user: { sub: 'alice' } } } } },
      ])
      expect(JSON.stringify(sessions)).not.toMatch(/accessToken|refreshToken|idToken/)
    })
  })

  test('mounted after us does nothing there, which is said with the remedy', async () => {
    await using({ after: (app) => void app.use(appSession()) }, async (site) => {
      for (const path of ['/open', '/me', '/login']) {
        const answer = await new Browser().get(site.url + path)
        expect(answer.status).toBe(500)
        expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_SETUP' })
      }

      expect(site.lastError()?.message).toMatch(/move app\.use\(session\(…\)\) before app\.use\(auth\)/)
    })
  })

  test('mounted under a path of its own is nobody else’s business', async () => {
    await using({ after: (app) => void app.use('/shop', express.Router().use(appSession())) }, async (site) => {
      expect((await new Browser().get(`${site.url}/open`)).text).toBe('open')
    })
  })

  test.each<[string, unknown]>([
    ['cookie-session', { isNew: true }],
    ['iron-session', { save: async () => {}, destroy: () => {} }],
    ['a number', 7],
  ])('that is none of express-session’s (%s) is refused with the remedy', async (_name, value) => {
    const before = (app: Express): void =>
      void app.use((req, _res, next) => {
        Object.assign(req, { session: value })
        next()
      })
    await using({ before }, async (site) => {
      const answer = await new Browser().get(`${site.url}/open`)

      expect(answer.status).toBe(500)
      expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_SETUP' })
      expect(site.lastError()?.message).toMatch(/express-session/)
    })
  })

  test('is left alone where it is the guard that comes first', async () => {
    await using({}, async (site) => {
      expect((await new Browser().get(`${site.url}/me`)).status).toBe(401)
      expect(cookiesOf(await site.signedIn('/me'), site)).toEqual(['latchkey'])
    })
  })
})

describe('what an anonymous session held', () => {
  const remember = (app: Express): void => {
    app.get('/put', (req, res) => {
      Object.assign(req.session, { cart: ['tea'], isAdmin: true, locale: 'de' })
      res.end()
    })
    app.get('/session', (req, res) => {
      const { cookie: _cookie, latchkey: _ours, ...rest } = req.session
      res.json({ ...rest, id: req.sessionID })
    })
  }

  test.each<[string, readonly string[], object]>([
    ['is dropped at the sign-in', [], {}],
    ['is kept where the application named it', ['cart', 'locale', 'nothing'], { cart: ['tea'], locale: 'de' }],
  ])('%s', async (_what, keepInSession, expected) => {
    await using({ after: remember, options: { keepInSession } }, async (site) => {
      const browser = new Browser()
      await browser.navigate(`${site.url}/put`)
      const before = (await browser.get(`${site.url}/session`)).json() as { id: string }
      await signIn(browser, `${site.url}/me`)

      const { id, ...rest } = (await browser.get(`${site.url}/session`)).json() as { id: string }

      expect(before).toMatchObject({ cart: ['tea'] })
      expect(rest).toEqual(expected)
      expect(id).not.toBe(before.id)
    })
  })
})
