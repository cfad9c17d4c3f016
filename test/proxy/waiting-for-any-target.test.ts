import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { startHttpServer } from '../../example-app/http-server.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** TLS with it never comes about. */
interface StuckTarget {
  readonly url: string
  readonly sockets: readonly Socket[]
  close(): Promise<void>
}

async function startStuckTarget(): Promise<StuckTarget> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

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

describe('a request that waits while targets cannot be connected to', () => {
  let site: OpenProxy
  let full: Upstream
  let stuck: [StuckTarget, StuckTarget]
  const held: ServerResponse[] = []
  beforeEach(async () => {
    held.length = 0
    full = await startUpstream()
    full.answer((_req, res) => {
      held.push(res)
      res.flushHeaders()
    })
    stuck = [await startStuckTarget(), await startStuckTarget()]
  })
  afterEach(async () => {
    for (const res of held) res.end()
    await site.close()
    await Promise.all([full, ...stuck].map((one) => one.close()))
  })

  async function ask(path: string): Promise<number> {
    const answer = await fetch(site.url + path)
    return answer.status
  }

  /** Whatever becomes of it. */
  function begin(path: string): void {
    ask(path).catch(() => {})
  }

  /** In steps, until it has happened. */
  async function within(seconds: number, hasHappened: () => boolean, what: string): Promise<void> {
    let leftMs = seconds * 1_000
    await until(
      () => {
        if (hasHappened()) return true
        if (leftMs > 0) site.clock.advance({ ms: 100 })
        leftMs -= 100
        return false
      },
      what,
      2_000,
    )
  }

  async function pass(seconds: number): Promise<void> {
    let leftMs = seconds * 1_000
    await until(() => {
      site.clock.advance({ ms: 100 })
      leftMs -= 100
      return leftMs <= 0
    }, 'time passes')
  }

  test('goes to whichever of them may be tried again first', async () => {
    const [longAway, away] = stuck
    site = await startOpenProxy([longAway.url, full.url, away.url], { connections: 1, connectTimeoutMs: 60_000 })
    begin('/1')
    await until(() => held.length === 1, 'one target is full')
    begin('/2')
    await until(() => away.sockets.length === 1, 'one does not answer')
    // The pause is eight seconds or more in the end.
    for (const attempt of [0, 1, 2, 3, 4]) {
      begin(`/${attempt + 3}`)
      await within(8, () => longAway.sockets.length > attempt, 'one is tried')
      longAway.sockets[attempt]?.destroy()
    }
    begin('/8')
    await until(() => site.requests === 8, 'it waits')
    await pass(1.5)

    away.sockets[0]?.destroy()

    await within(1.5, () => away.sockets.length === 2, 'it is tried again')
    expect(longAway.sockets).toHaveLength(5)
  })

  test('keeps its place when it has tried one of them in vain', async () => {
    const [away] = stuck
    site = await startOpenProxy([away.url, full.url], { connections: 1, connectTimeoutMs: 60_000 })
    begin('/1')
    await until(() => held.length === 1, 'one target is full')
    const second = ask('/2')
    await until(() => away.sockets.length === 1, 'the other one is tried')
    away.sockets[0]?.destroy()
    await pass(0.3)
    const third = ask('/3')
    await until(() => site.requests === 3, 'it waits')
    await within(1.5, () => away.sockets.length === 2, 'it tries the other one')
    const fourth = ask('/4')
    await until(() => site.requests === 4, 'it waits')
    away.sockets[1]?.destroy()

    for (const [at, answer] of [second, third, fourth].entries()) {
      held[at]?.end()
      expect(await answer).toBe(200)
    }
    expect(full.requests.map(({ url }) => url)).toEqual(['/1', '/2', '/3', '/4'])
  })

  test('waits no longer for that', async () => {
    const [away] = stuck
    site = await startOpenProxy([away.url, full.url], { connections: 1, connectTimeoutMs: 60_000 })
    begin('/1')
    await until(() => held.length === 1, 'one target is full')
    begin('/2')
    await until(() => away.sockets.length === 1, 'the other one is tried')
    away.sockets[0]?.destroy()
    await pass(0.3)
    const third = ask('/3')
    await until(() => site.requests === 3, 'it waits')
    site.clock.advance({ seconds: 20 })
    await until(() => away.sockets.length === 2, 'it tries the other one')
    away.sockets[1]?.destroy()

    site.clock.advance({ seconds: 10 })
    expect(await third).toBe(504)
  })
})

describe('requests that wait for a target that cannot be connected to', () => {
  let target: StuckTarget
  let site: OpenProxy
  beforeEach(async () => {
    target = await startStuckTarget()
  })
  afterEach(async () => {
    await site.close()
    await target.close()
  })

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
    site = await startOpenProxy(target.url, { connections: 1 })
    const { all, retryAfter } = await statuses(10)
    for (let n = 0; n < 5; n += 1) {
      await until(() => target.sockets.length > n, 'one tries')
      target.sockets[n]?.destroy()
    }

    expect(await all).toEqual(Array(10).fill(502))
    expect(target.sockets).toHaveLength(5)
    expect(retryAfter.filter((after) => after === '1')).toHaveLength(5)
  })

  test('go to another one as soon as that has a connection free', async () => {
    const other = await startUpstream()
    const held: ServerResponse[] = []
    other.answer((_req, res) => void held.push(res))
    site = await startOpenProxy([target.url, other.url], { connections: 1 })
    const { all } = await statuses(4)
    await until(() => held.length === 1 && target.sockets.length === 1, 'both are full')

    target.sockets[0]?.destroy()
    for (let n = 0; n < 4; n += 1) {
      await until(() => held.length > n, 'the next one goes out')
      held[n]?.end()
    }

    expect(await all).toEqual([200, 200, 200, 200])
    expect(target.sockets).toHaveLength(1)
    await other.close()
  })
})
