import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { ServerResponse } from 'node:http'
import { startOpenProxy } from '../support/open-proxy.ts'
import { startUpstream } from '../support/upstream.ts'
import { until } from '../support/until.ts'

const closing: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

describe('a response that the application ends while its client is slow to read', () => {
  test('is no error that nobody listens for', async () => {
    const errors: unknown[] = []
    let response: ServerResponse | undefined
    const upstream = await startUpstream()
    closing.push(() => upstream.close())
    const site = await startOpenProxy(upstream.url, {}, (app) => {
      app.use((_req, res, next) => {
        response = res
        res.on('error', (error) => errors.push(error)) // else the process would end here
        next()
      })
    })
    closing.push(() => site.close())
    upstream.answer((_req, res) => {
      const timer = setInterval(() => res.write(Buffer.alloc(65_536)), 2)
      res.once('close', () => clearInterval(timer))
    })
    const client = connect((site.server.address() as { port: number }).port, '127.0.0.1', () =>
      client.write('GET /up/x HTTP/1.1\r\nHost: app\r\n\r\n'),
    )
    closing.push(() => void client.destroy())
    client.pause()
    await once(client, 'connect')
    await until(() => (response?.writableLength ?? 0) > 65_536, 'something to wait')

    response?.end()
    await new Promise((resolve) => setTimeout(resolve, 300))

    expect(errors).toEqual([])
  })
})

describe('a time limit of more than 24 days', () => {
  test('is none at all for most answers, and not one of a millisecond', async () => {
    const upstream = await startUpstream()
    closing.push(() => upstream.close())
    upstream.answer((_req, res) => void setTimeout(() => res.end('ok'), 100))
    const site = await startOpenProxy(upstream.url, { totalTimeoutMs: 30 * 24 * 60 * 60_000 })
    closing.push(() => site.close())

    expect((await fetch(`${site.url}/x`)).status).toBe(200)
  })
})
