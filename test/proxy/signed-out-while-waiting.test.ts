import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

let site: ProxiedApp
let came = 0
beforeAll(async () => {
  site = await startProxiedApp({
    proxy: { connections: 1 },
    routes: (app, auth) =>
      app.use('/up', auth.requireAuth(), (_req, _res, next) => {
        came += 1
        next()
      }),
  })
})
afterAll(async () => {
  await site.close()
})

// What is under way may end in good order; this has not even begun.
test('a request that still waits for a connection when its user signs out is not sent any more', async () => {
  const [other, browser] = await Promise.all([site.signedIn(), site.signedIn()])
  const held: ServerResponse[] = []
  site.upstream.answer((_req, res) => void held.push(res))
  const hangs = answerTo(beginRequest(other, `${site.proxied}/hangs`).end())
  await until(() => held.length === 1, 'the only connection is taken')
  const order = beginRequest(browser, `${site.proxied}/order`, { method: 'POST' }).end()
  await until(() => came === 2, 'the order waits')
  await new Promise((resolve) => setTimeout(resolve, 100)) // its token is at hand

  expect((await browser.post(`${site.url}/logout`, {})).status).toBeLessThan(400)
  held[0]?.end()
  await receive(await hangs)
  await new Promise((resolve) => setTimeout(resolve, 200))

  order.destroy()
  for (const res of held) res.end()
  expect(site.upstream.requests.map(({ url }) => url)).toEqual(['/hangs'])
})
