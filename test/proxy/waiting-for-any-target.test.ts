import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { startHttpServer } from '../../example-app/http-server.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

describe('requests that wait because all targets are full', () => {
  let upstreams: [Upstream, Upstream]
  let site: OpenProxy
  const held: { res: ServerResponse; at: Upstream }[] = []
  beforeEach(async () => {
    held.length = 0
    upstreams = [await startUpstream(), await startUpstream()]
    for (const at of upstreams) at.answer((_req, res) => void held.push({ res, at }))
    site = await startOpenProxy(
      upstreams.map(({ url }) => url),
      { connections: 1 },
    )
  })
  afterEach(async () => {
    await site.close()
    await Promise.all(upstreams.map((one) => one.close()))
  })

  test('take the connection that is free first, whichever target it is, in the order in which they came', async () => {
    const first = [fetch(`${site.url}/1`), fetch(`${site.url}/2`)]
    await until(() => held.length === 2, 'both targets are full')
    const waiting: Promise<Response>[] = []
    for (const n of [3, 4, 5, 6]) {
      waiting.push(fetch(`${site.url}/${n}`))
      await until(() => site.requests === n, 'it waits')
    }

    // One target hangs, the other one is well again.
    const [hung, well] = held
    well?.at.answer((_req, res) => void res.end())
    well?.res.end()

    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(well?.at.requests.map(({ url }) => url).slice(1)).toEqual(['/3', '/4', '/5', '/6'])
    expect(well?.at.connections).toBe(1)
    hung?.res.end()
    await Promise.all(first)
  })
})

test('a request that waits goes to a target as soon as that may be tried again', async () => {
  const [full, away] = [await startUpstream(), await startUpstream()]
  const held: ServerResponse[] = []
  full.answer((_req, res) => void held.push(res))
  await away.close()
  const site = await startOpenProxy([full.url, away.url], { connections: 1 })
  const first = fetch(`${site.url}/1`)
  await until(() => held.length === 1, 'one target is away, the other one full')
  const second = fetch(`${site.url}/2`)
  await until(() => site.requests === 2, 'it waits')

  const back = await startHttpServer((_req, res) => void res.end('back'), { port: Number(new URL(away.url).port) })
  site.clock.advance({ seconds: 1 })

  expect(await (await second).text()).toBe('back')
  held[0]?.end()
  await first
  await site.close()
  await Promise.all([full, back].map((one) => one.close()))
})

describe('requests that wait for a target that cannot be connected to', () => {
  let target: Server
  let site: OpenProxy
  const sockets: Socket[] = []
  beforeEach(async () => {
    target = createServer((socket) => void sockets.push(socket.on('error', () => {})))
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await site.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    await new Promise((resolve) => target.close(resolve))
  })

  /** TLS that never comes about. */
  const url = (): string => `https://127.0.0.1:${(target.address() as AddressInfo).port}`

  async function statuses(count: number): Promise<{ all: Promise<number[]>; retryAfter: (string | null)[] }> {
    const retryAfter: (string | null)[] = []
    const all = Array.from({ length: count }, async () => {
      const { status, headers } = await fetch(site.url)
      retryAfter.push(headers.get('retry-after'))
      return status
    })
    await until(() => site.requests === count, 'they come')
    return { all: Promise.all(all), retryAfter }
  }

  test('are told so at once when it has failed five times, and do not try it any more', async () => {
    site = await startOpenProxy(url(), { connections: 1 })
    const { all, retryAfter } = await statuses(10)
    for (let n = 0; n < 5; n += 1) {
      await until(() => sockets.length > n, 'one tries')
      sockets[n]?.destroy()
    }

    expect(await all).toEqual(Array(10).fill(502))
    expect(sockets).toHaveLength(5)
    expect(retryAfter.filter((after) => after === '1')).toHaveLength(5)
  })

  test('go to another one as soon as that has a connection free', async () => {
    const other = await startUpstream()
    const held: ServerResponse[] = []
    other.answer((_req, res) => void held.push(res))
    site = await startOpenProxy([url(), other.url], { connections: 1 })
    const { all } = await statuses(4)
    await until(() => held.length === 1 && sockets.length === 1, 'both are full')

    sockets[0]?.destroy()
    for (let n = 0; n < 4; n += 1) {
      await until(() => held.length > n, 'the next one goes out')
      held[n]?.end()
    }

    expect(await all).toEqual([200, 200, 200, 200])
    expect(sockets).toHaveLength(1)
    await other.close()
  })
})
