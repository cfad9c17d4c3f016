import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { MemoryStore, type Store } from 'express-session'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'

/** Tells how often it was asked. */
class CountingStore extends MemoryStore {
  reads = 0

  override get(...args: Parameters<Store['get']>): void {
    this.reads += 1
    super.get(...args)
  }
}

describe('a proxy without a token', () => {
  const store = new CountingStore()
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      options: { session: { store } },
      before(app) {
        // Before `app.use(auth)`, which would read the session.
        app.use('/open', (req, res, next) => open(req, res, next))
      },
      routes(_app, auth, upstream) {
        open = auth.proxy(upstream.url, { token: false, forwardCookies: ['theme'] })
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })
  let open: ReturnType<ProxiedApp['auth']['proxy']>

  test('needs nobody to be signed in', async () => {
    const answer = await site.browser().get(`${site.url}/open/news`)

    expect([answer.status, answer.text]).toEqual([200, 'ok'])
    expect(answer.headers.get('set-cookie')).toBeNull()
  })

  test('reads no session, and sends neither a token nor what the caller put in its place', async () => {
    const { reads } = store

    const answer = await browser.get(`${site.url}/open/news`, { headers: { authorization: 'Bearer of-the-caller' } })

    expect(answer.status).toBe(200)
    expect(store.reads).toBe(reads)
    expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty('authorization')
    expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty('cookie')
  })

  test('whose target says 401 says 401, once', async () => {
    site.upstream.answer((_req, res) => void res.writeHead(401).end('who are you?'))
    const seen = site.upstream.requests.length

    const answer = await browser.get(`${site.url}/open/news`)

    expect([answer.status, answer.text]).toEqual([401, 'who are you?'])
    expect(site.upstream.requests).toHaveLength(seen + 1)
    expect(site.authorizationServer.tokenRequests('refresh_token')).toHaveLength(0)
  })

  test.each(['provider', 'resource', 'scope'])('has no use for "%s"', (name) => {
    const options = { token: false, [name]: name === 'resource' ? 'https://api.example' : 'main' }

    expect(() => site.auth.proxy('https://api.example', options)).toThrow(new RegExp(`"${name}" `))
  })
})
