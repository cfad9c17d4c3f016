import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { startOpenProxy } from '../support/open-proxy.ts'
import { startUpstream } from '../support/upstream.ts'

const closing: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

test('a client that takes nothing for longer than "idleTimeoutMs" does not keep a connection from the others', async () => {
  const upstream = await startUpstream()
  closing.push(() => upstream.close())
  upstream.answer((req, res) => void res.end(req.url === '/large' ? Buffer.alloc(64 * 1024 * 1024) : 'small'))
  const site = await startOpenProxy(upstream.url, { connections: 1, idleTimeoutMs: 500, headersTimeoutMs: 4_000 })
  closing.push(() => site.close())
  const stalled = connect((site.server.address() as AddressInfo).port, '127.0.0.1')
  closing.push(() => void stalled.destroy())
  stalled.on('error', () => {}).pause()
  await once(stalled, 'connect')
  stalled.write('GET /up/large HTTP/1.1\r\nHost: app\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 300))

  expect((await fetch(`${site.url}/small`)).status).toBe(200)
  expect(site.events).toEqual([]) // it is no fault of the target
}, 15_000)

test('a client that is slow, and takes something all the time, gets everything', async () => {
  const upstream = await startUpstream()
  closing.push(() => upstream.close())
  const length = 24 * 1024 * 1024
  upstream.answer((_req, res) => void res.end(Buffer.alloc(length)))
  const site = await startOpenProxy(upstream.url, { idleTimeoutMs: 800 })
  closing.push(() => site.close())
  const slow = connect((site.server.address() as AddressInfo).port, '127.0.0.1')
  closing.push(() => void slow.destroy())
  await once(slow, 'connect')
  slow.write('GET /up/large HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n')
  let received = 0
  slow.on('data', (chunk: Buffer) => {
    const before = received
    received += chunk.length
    // 1 MiB at a time, and a rest
    if (Math.floor(before / 2 ** 20) === Math.floor(received / 2 ** 20)) return
    slow.pause()
    setTimeout(() => slow.resume(), 60)
  })
  await once(slow, 'close')

  expect(received).toBeGreaterThanOrEqual(length)
}, 15_000)
