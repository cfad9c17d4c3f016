import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Socket } from 'node:net'
import type { Browser } from '../support/browser.ts'
import { frame, rawUpgrade, type RawUpgrade } from '../support/raw-upgrade.ts'
import { until } from '../support/until.ts'
import { startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

/** Longer than a side may be silent before it is asked, and after. */
const SILENCE = { seconds: 31 }

const PING = Buffer.from([0x89, 0])
const PONG = frame(0xa, '', true)

describe('a web socket of which one side is not there any more', () => {
  let site: WebSocketSite
  let browser: Browser
  /** The target's end. */
  let target: Socket
  let targetCame: Buffer
  beforeAll(async () => {
    site = await startWebSocketSite({ accessTokenTtlSeconds: 3_600 })
    browser = await site.signedIn()
  })
  afterEach(async () => {
    for (const connection of site.upstream.connections) connection.destroy()
    await until(() => site.upstream.connections.size === 0, 'the next test begins anew')
  })
  afterAll(async () => {
    await site.close()
  })

  /** An honest server's acceptance of the handshake's key; from then on the target does what the test says. */
  async function open(): Promise<RawUpgrade> {
    targetCame = Buffer.alloc(0)
    site.upstream.onUpgrade((_req, socket, head) => {
      target = socket
      socket.on('data', (chunk: Buffer) => {
        targetCame = Buffer.concat([targetCame, chunk])
      })
      socket.once('end', () => socket.end())
      if (head.length > 0) socket.unshift(head)
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      )
    })
    const client = rawUpgrade(browser, `${site.url}/live`)
    expect(await client.answered()).toContain('101 Switching Protocols')
    return client
  }

  test('a client that is silent is asked, and cut when it says nothing; so is the target', async () => {
    const client = await open()

    site.clock.advance(SILENCE)
    expect(await client.received(2)).toEqual(PING)
    await until(() => targetCame.length === 6, 'the target is asked as well')
    expect([...targetCame.subarray(0, 2)]).toEqual([0x89, 0x80])
    target.write(frame(0xa, '', false)) // it is there

    await client.received(4)
    site.clock.advance(SILENCE)
    await client.ended()
    await until(() => site.upstream.connections.size === 0, 'the target is let go')
  })

  test('a target that is silent is cut, and so is the client', async () => {
    const client = await open()

    site.clock.advance(SILENCE)
    await client.received(2)
    client.socket.write(PONG)
    await until(() => targetCame.includes(PONG), 'its answer has passed')
    site.clock.advance(SILENCE)

    await client.ended()
    expect(targetCame.subarray(-6)).toEqual(PONG) // it was asked once
  })

  test('both sides that answer stay, however long they say nothing else', async () => {
    const client = await open()

    for (let round = 1; round <= 5; round += 1) {
      site.clock.advance(SILENCE)
      await until(() => client.body.subarray(-2).equals(PING), 'the client is asked')
      await until(() => targetCame.at(-6) === 0x89, 'the target is asked')
      client.socket.write(PONG)
      await until(() => targetCame.subarray(-6).equals(PONG), 'the answer passes')
      target.write(frame(0xa, '', false))
      await until(() => client.body.subarray(-2).equals(frame(0xa, '', false)), 'the answer passes')
    }
    target.write(frame(1, 'still here', false))

    await until(() => client.text.endsWith('still here'), 'it is still open')
    expect(client.socket.readable).toBe(true)
    client.socket.destroy()
  })

  test('a client is not asked in the middle of a frame, but right behind it', async () => {
    const client = await open()
    target.write(Buffer.from([0x82, 5, 1, 2]))
    await client.received(4)

    site.clock.advance(SILENCE)
    await until(() => targetCame.length === 6, 'the target is asked')
    expect(client.body).toHaveLength(4)
    target.write(Buffer.from([3, 4, 5, 0x82, 2, 8]))

    expect([...(await client.received(12))]).toEqual([0x82, 5, 1, 2, 3, 4, 5, 0x89, 0, 0x82, 2, 8])
    client.socket.destroy()
  })

  test('a client that only listens is there as long as it answers', async () => {
    const client = await open()
    for (let n = 0; n < 4; n += 1) {
      target.write(frame(1, 'tick', false))
      site.clock.advance({ seconds: 20 })
      await client.received((n + 1) * 6)
      if (client.body.includes(PING)) client.socket.write(PONG)
    }
    target.write(frame(1, 'the end', false))

    await until(() => client.text.endsWith('the end'), 'it is still open')
    expect(client.socket.readable).toBe(true)
    client.socket.destroy()
  })

  test('a client that said goodbye and does not leave is cut', async () => {
    const client = await open()
    target.write(frame(8, [3, 232] as unknown as Uint8Array, false))
    await client.received(4)

    site.clock.advance(SILENCE)
    await until(() => targetCame.length === 6, 'the target is asked')
    target.write(frame(0xa, '', false))
    site.clock.advance(SILENCE)

    await client.ended()
    expect(client.body.includes(PING)).toBe(false)
  })
})
