import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MemoryStore } from 'express-session'
import { memoryGrants } from '../../lib/index.ts'
import type { Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'

let site: ProxiedApp
let other: string
let browser: Browser
beforeAll(async () => {
  const clock = new TestClock()
  const [store, grants] = [new MemoryStore(), memoryGrants({ now: () => clock.now() })]
  site = await startProxiedApp({
    clock,
    options: () => ({ session: { store }, grants, refresh: { cacheMs: 30_000 } }),
    routes: (app, auth) =>
      app.post('/replace', auth.requireAuth(), async (req, res) => {
        const refused = await req.auth.accessToken()
        const answer = await req.auth.fetch(`${site.upstream.url}/refuses`)
        res.json({ refused, status: answer.status, token: await req.auth.accessToken() })
      }),
  })
  other = await site.another()
  browser = await site.signedIn()
})
afterAll(async () => {
  await site.close()
})

test('an upload that cannot be sent again goes with the newest token, also where a process has kept an older one', async () => {
  await browser.get(`${site.proxied}/x`)
  const kept = site.upstream.requests.at(-1)?.headers.authorization
  site.clock.advance({ seconds: 5 })
  site.upstream.answer((req, res) => {
    const isOld = req.url === '/refuses' && req.headers.authorization === kept
    req.resume().once('end', () => res.writeHead(isOld ? 401 : 200).end())
  })
  // Another process replaces the token meanwhile.
  const replaced = (await browser.fetch(`${other}/replace`, { method: 'POST' })).json() as { token: string }
  expect(`Bearer ${replaced.token}`).not.toBe(kept)
  await browser.get(`${site.proxied}/x`)
  expect(site.upstream.requests.at(-1)?.headers.authorization).toBe(kept)

  const headers = { 'transfer-encoding': 'chunked' }
  const outgoing = beginRequest(browser, `${site.proxied}/files`, { method: 'POST', headers }).end('a stream')
  await receive(await answerTo(outgoing))

  expect(site.upstream.requests.at(-1)?.headers.authorization).toBe(`Bearer ${replaced.token}`)
})
