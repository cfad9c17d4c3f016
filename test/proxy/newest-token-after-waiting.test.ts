import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

let site: ProxiedApp
let browser: Browser
let attached = 0
beforeAll(async () => {
  site = await startProxiedApp({
    accessTokenTtlSeconds: 60,
    proxy: { connections: 1 },
    routes: (_app, auth) =>
      _app.use('/up', auth.requireAuth(), (_req, _res, next) => {
        attached += 1
        next()
      }),
  })
  browser = await site.signedIn()
})
afterAll(async () => {
  await site.close()
})

// A request may wait for a connection for half a minute (`headersTimeoutMs`): longer than what is left of a token that was good when it came.
test('an upload that cannot be sent again does not go with a token that has expired while it waited for a connection', async () => {
  const held: ServerResponse[] = []
  site.upstream.answer(
    (req, res) => void (req.url === '/hangs' ? held.push(res) : req.resume().once('end', () => res.end())),
  )
  await browser.get(`${site.proxied}/x`)
  const first = site.upstream.requests.at(-1)?.headers.authorization
  site.clock.advance({ seconds: 45 }) // 15 are left, and a refresh is due when there are 6
  const before = attached
  const hangs = answerTo(beginRequest(browser, `${site.proxied}/hangs`).end())
  await until(() => held.length === 1, 'the only connection is taken')
  const headers = { 'transfer-encoding': 'chunked' }
  const upload = answerTo(beginRequest(browser, `${site.proxied}/files`, { method: 'POST', headers }).end('a stream'))
  await until(() => attached === before + 2, 'the upload waits')
  await new Promise((resolve) => setTimeout(resolve, 100)) // its token is at hand

  site.clock.advance({ seconds: 20 })
  held[0]?.end()
  await receive(await hangs)
  await receive(await upload)

  const sent = site.upstream.requests.find(({ url }) => url === '/files')?.headers.authorization
  expect(sent).toMatch(/^Bearer /)
  expect(sent).not.toBe(first)
})
