import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { memoryGrants } from '../../lib/index.ts'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

describe('an API that refuses every token', () => {
  let upstream: Upstream
  let site: TestApp
  let browser: Browser
  let urls: string[]

  beforeEach(async () => {
    upstream = await startUpstream()
    upstream.answer((_req, res) => void res.writeHead(401).end())
    const store = new MemorySessionStore(() => Date.now())
    const grants = memoryGrants({ now: () => site.clock.now() })
    site = await startTestApp({
      options: () => ({ session: { store }, grants }),
      routes: (app) =>
        void app.get('/refusing', async (req, res) => {
          res.status((await req.auth.fetch(upstream.url)).status).end()
        }),
    })
    browser = await site.signedIn()
    urls = [site.url, await site.another(), await site.another(), await site.another()]
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
    await upstream.close()
  })

  test('costs one refresh in two seconds among all processes, and not one with every request', async () => {
    const statuses: number[] = []
    const begun = site.clock.now()
    for (let n = 0; n < 20; n += 1) {
      statuses.push((await browser.get(`${urls[n % urls.length] ?? site.url}/refusing`)).status)
    }

    expect(statuses).toEqual(Array(20).fill(401))
    const most = 1 + (site.clock.now() - begun) / 2_000
    const refreshes = site.authorizationServer.tokenRequests('refresh_token').length
    expect(refreshes).toBeGreaterThan(0)
    expect(refreshes).toBeLessThanOrEqual(most)
  })

  test('is tried with another one when that one is not new any more', async () => {
    await browser.get(`${site.url}/refusing`)
    site.clock.advance({ seconds: 3 })
    await browser.get(`${site.url}/refusing`)

    expect(site.authorizationServer.tokenRequests('refresh_token')).toHaveLength(2)
  })
})
