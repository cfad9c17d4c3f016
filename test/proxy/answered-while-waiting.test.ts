import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Response } from 'express'
import type { ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let site: OpenProxy
const held: ServerResponse[] = []
const waiting: Response[] = []
beforeAll(async () => {
  upstream = await startUpstream()
  upstream.answer((_req, res) => void held.push(res))
  site = await startOpenProxy(upstream.url, { connections: 1 }, (app) => {
    app.post('/up/order', (_req, res, next) => {
      waiting.push(res)
      next()
    })
  })
})
afterAll(async () => {
  await site.close()
  await upstream.close()
})

test('a request that the application has answered while it waited for a connection does not go out any more', async () => {
  const first = fetch(`${site.url}/first`)
  await until(() => held.length === 1, 'the only connection is taken')
  const client = connect((site.server.address() as AddressInfo).port, '127.0.0.1')
  client.pause() // slow to read, so that the answer takes its time
  client.write('POST /up/order HTTP/1.1\r\nHost: app\r\nX-Requested-With: test\r\nContent-Length: 0\r\n\r\n')
  await until(() => waiting.length === 1, 'the order waits')
  await new Promise((resolve) => setTimeout(resolve, 50))

  waiting[0]?.status(503).end(Buffer.alloc(20_000_000))
  held[0]?.end()
  await (await first).text()
  upstream.answer((_req, res) => void res.end('fine'))

  expect(await (await fetch(`${site.url}/next`)).text()).toBe('fine')
  client.destroy()
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/first', '/next'])
})
