import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Browser } from '../support/browser.ts'
import { rawUpgrade } from '../support/raw-upgrade.ts'
import { until } from '../support/until.ts'
import { untilSteady } from '../support/until-steady.ts'
import { startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const MEGABYTE = 1_048_576
const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

describe('a flood of upgrades', () => {
  let site: WebSocketSite
  let browser: Browser
  const strays: unknown[] = []
  const onStray = (error: unknown): void => void strays.push(error)
  beforeAll(async () => {
    process.on('uncaughtException', onStray)
    process.on('unhandledRejection', onStray)
    site = await startWebSocketSite()
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
    process.off('uncaughtException', onStray)
    process.off('unhandledRejection', onStray)
  })

  async function openConnections(): Promise<number> {
    return new Promise((resolve) => site.server.getConnections((_error, count) => resolve(count)))
  }

  test('that are refused leaves no connection and no listener behind', async () => {
    const listeners = site.server.eventNames().map((name) => site.server.listenerCount(name))
    for (let round = 0; round < 20; round += 1) {
      const clients = Array.from({ length: 100 }, () => rawUpgrade(undefined, `${site.url}/live`))
      await Promise.all(clients.map((client) => client.ended()))
      expect(new Set(clients.map(({ text }) => text.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 401']))
    }

    await until(async () => (await openConnections()) <= 1, 'the connections close')
    expect(site.server.eventNames().map((name) => site.server.listenerCount(name))).toEqual(listeners)
    expect(site.upstream.upgrades).toEqual([])
  })

  test('whose clients do not take their answer leaves no connection behind', async () => {
    const clients = Array.from({ length: 50 }, () => rawUpgrade(undefined, `${site.url}/live`))
    for (const { socket } of clients) {
      socket.allowHalfOpen = true
      socket.pause()
    }
    await until(async () => (await openConnections()) >= 50, 'they have come')
    await new Promise((resolve) => setTimeout(resolve, 200))

    site.clock.advance({ seconds: 2 })

    await until(async () => (await openConnections()) <= 1, 'the connections close')
    expect(clients.map(({ text }) => text)).toEqual(Array(50).fill(''))
    for (const { socket } of clients) socket.destroy()
  })

  test('whose clients reset their connections at every moment harms nobody', async () => {
    site.upstream.onUpgrade((_req, socket) => {
      socket.resume().once('end', () => socket.destroy())
      setTimeout(() => socket.write(ACCEPTED), Math.random() * 30)
    })
    const clients = Array.from({ length: 300 }, (_, n) => {
      const client = rawUpgrade(browser, `${site.url}/live`, { early: 'x'.repeat(n % 3) })
      setTimeout(() => client.socket.resetAndDestroy(), (n % 60) * 2)
      return client
    })

    await Promise.all(clients.map(({ socket }) => once(socket, 'close')))
    await until(async () => (await openConnections()) <= 1, 'the connections close')
    await until(() => site.upstream.connections.size === 0, 'those to the target as well')
    expect(strays).toEqual([])
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })

  test('of bytes before the answer is not read on', async () => {
    let atTarget: Socket | undefined
    site.upstream.onUpgrade((_req, socket) => {
      atTarget = socket
    })
    const client = rawUpgrade(browser, `${site.url}/live`)
    await until(() => atTarget !== undefined, 'it arrives')
    let taken = 0
    const more = (): void => {
      while (client.socket.write(Buffer.alloc(65_536), () => (taken += 65_536)));
    }
    client.socket.on('drain', more)
    more()

    await untilSteady(() => taken)

    // What the kernel holds at both ends, and one read-ahead.
    expect(taken).toBeLessThan(16 * MEGABYTE)
    client.socket.destroy()
    atTarget?.destroy()
  })

  test('of frames that the target does not take holds the client', async () => {
    let atTarget: Socket | undefined
    site.upstream.onUpgrade((_req, socket) => {
      atTarget = socket
      socket.pause()
      socket.write(ACCEPTED)
    })
    const client = rawUpgrade(browser, `${site.url}/live`)
    await client.answered()
    const memory = process.memoryUsage().arrayBuffers
    const block = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(65_536)])
    let taken = 0
    const more = (): void => {
      while (client.socket.write(block, () => (taken += block.length)));
    }
    client.socket.on('drain', more)
    more()

    await untilSteady(() => taken)

    expect(taken).toBeLessThan(32 * MEGABYTE)
    expect(process.memoryUsage().arrayBuffers - memory).toBeLessThan(32 * MEGABYTE)
    client.socket.destroy()
    atTarget?.destroy()
  })
})
