import { describe, expect, test } from '@jest/globals'
import type { Express } from 'express'
import session, { MemoryStore } from 'express-session'
import type { Latchkey } from '../../lib/index.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import type { Upstream } from '../support/upstream.ts'

declare module 'express-session' {
  interface SessionData {
    visits?: number
  }
}

/** Counts in the session, before the proxy answers. */
function countVisits(app: Express): void {
  app.use('/up', (req, _res, next) => {
    req.session.visits = (req.session.visits ?? 0) + 1
    next()
  })
  app.get('/visits', (req, res) => void res.json(req.session.visits ?? 0))
}

async function withSite(site: ProxiedApp, use: (site: ProxiedApp) => Promise<void>): Promise<void> {
  try {
    await use(site)
  } finally {
    await site.close()
  }
}

describe('the session of a proxied request', () => {
  test.each([
    ['with a length', { 'content-length': '2' }, 'ok'],
    ['in chunks', {}, 'ok'],
    ['that is empty', {}, ''],
  ])('is saved by the time an answer %s has ended', async (_what, headers, body) => {
    await withSite(await startProxiedApp({ routes: countVisits }), async (site) => {
      const browser = await site.signedIn()
      site.upstream.answer((_req, res) => void res.writeHead(200, headers).end(body))

      for (let visit = 1; visit <= 3; visit += 1) {
        expect(await browser.get(`${site.proxied}/x`)).toMatchObject({ status: 200, text: body })
        expect((await browser.get(`${site.url}/visits`)).json()).toBe(visit)
      }
    })
  })

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('is saved after %s %i, which have no body', async (method, status) => {
    await withSite(await startProxiedApp({ routes: countVisits }), async (site) => {
      const browser = await site.signedIn()
      site.upstream.answer((_req, res) => void res.writeHead(status).end())

      expect((await browser.fetch(`${site.proxied}/x`, { method })).status).toBe(status)
      expect((await browser.get(`${site.url}/visits`)).json()).toBe(1)
    })
  })

  test('of the application, under whatever name, is neither shown to the target nor replaced by it', async () => {
    const before = (app: Express): void =>
      void app.use(session({ secret: 'of the application', resave: false, saveUninitialized: false }))
    const proxy = { forwardCookies: ['connect.sid', 'theme'] }
    await withSite(await startProxiedApp({ before, proxy }), async (site) => {
      const browser = await site.signedIn()
      browser.jar.setCookieSync('theme=dark', site.url)
      // The target is an Express application with sessions as well: the same name by default.
      site.upstream.answer(
        (_req, res) => void res.writeHead(200, { 'set-cookie': ['connect.sid=s%3Aother.x; Path=/', 'a=1'] }).end(),
      )

      const answer = await browser.get(`${site.proxied}/x`)

      expect(browser.cookieHeader(site.url)).toContain('connect.sid=')
      expect(site.upstream.requests.at(-1)?.headers.cookie).toBe('theme=dark')
      expect(answer.setCookie).toEqual(['a=1'])
      expect((await browser.get(`${site.url}/me`)).status).toBe(200)
    })
  })

  describe('in a cookie that session.name names', () => {
    const NAME = 'app.session'
    const SET = [`${NAME}=s%3Aother.x; Path=/`, `__Host-${NAME.toUpperCase()}=s%3Aother.x; Path=/; Secure`, 'a=1']
    const proxy = { forwardCookies: [NAME, 'theme'] }

    test('is read from it without express-session, shown to no target and replaced by none', async () => {
      const store = new MemoryStore()
      const touches: string[] = []
      const touch = store.touch.bind(store)
      store.touch = (id, data, done) => {
        touches.push(id)
        touch(id, data, done)
      }
      const options = { session: { name: NAME, store, cookie: { maxAge: 600_000 } } }
      await withSite(await startProxiedApp({ options, proxy }), async (site) => {
        const browser = await site.signedIn()
        browser.jar.setCookieSync('theme=dark', site.url)
        site.upstream.answer((_req, res) => void res.writeHead(200, { 'set-cookie': SET }).end())
        touches.length = 0

        for (let request = 0; request < 3; request += 1) {
          const answer = await browser.get(`${site.proxied}/x`)
          expect(answer).toMatchObject({ status: 200, setCookie: ['a=1'] })
          expect(site.upstream.requests.at(-1)?.headers.cookie).toBe('theme=dark')
        }
        expect(browser.cookieHeader(site.url)).toMatch(/^app\.session=s%3A/)
        expect(touches).toEqual([])
      })
    })

    test('is the application’s own: not set by a target where a request comes without it, either', async () => {
      const before = (app: Express): void =>
        void app.use(session({ name: NAME, secret: 'of the application', resave: false, saveUninitialized: false }))
      const routes = (app: Express, auth: Latchkey, upstream: Upstream): void =>
        void app.use('/open', auth.proxy(upstream.url, { ...proxy, token: false }))
      await withSite(await startProxiedApp({ before, routes, options: { session: { name: NAME } } }), async (site) => {
        site.upstream.answer((_req, res) => void res.writeHead(200, { 'set-cookie': SET }).end())

        const answer = await site.browser().get(`${site.url}/open/x`, { headers: { cookie: 'theme=dark' } })

        expect(answer).toMatchObject({ status: 200, setCookie: ['a=1'] })
        expect(site.upstream.requests.at(-1)?.headers.cookie).toBe('theme=dark')
      })
    })
  })
})
