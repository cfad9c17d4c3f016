import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'
import { gone, readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

const LIMIT = 100_000

describe('a request body longer than the application accepts', () => {
  let upstream: Upstream
  let site: OpenProxy
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url, { maxBodyBytes: LIMIT })
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  /** A connection of its own, on which a request has begun. */
  async function begin(head: string): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
    const { port } = new URL(site.url)
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    await once(socket, 'connect')
    socket.write(`POST /up/x HTTP/1.1\r\nHost: app.example\r\n${head}\r\n\r\n`)
    return { socket, received: () => received, closed: closeOf(socket) }
  }

  test('and announced so is refused at once, without a byte of it read or sent on', async () => {
    const seen = upstream.requests.length
    const { socket, received, closed } = await begin(`Content-Length: ${LIMIT + 1}`)
    await until(() => received().includes('ERR_AUTH_TOO_LARGE'), 'the answer')

    expect(received()).toMatch(/^HTTP\/1\.1 413 /)
    expect(received()).toMatch(/\r\nconnection: close\r\n/i)
    expect(received()).toMatch(/application\/problem\+json/)
    expect(upstream.requests).toHaveLength(seen)
    socket.end()
    await closed
  })

  test.each([
    ['announced', 'Content-Length: 1000000000', 0],
    ['in chunks', 'Transfer-Encoding: chunked', LIMIT],
    [
      'announced, though the client has asked whether to send it',
      'Content-Length: 1000000000\r\nExpect: 100-continue',
      0,
    ],
  ])('is refused to a client that goes on sending, and the rest is not read: %s', async (_how, head, limit) => {
    const atServer = once(site.server, 'connection') as Promise<[Socket]>
    const { socket, received, closed } = await begin(head)
    const [server] = await atServer
    const isOver = closeOf(server)
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
    const send = (): void => {
      while (socket.writable && socket.write(chunk));
      if (socket.writable) socket.once('drain', send)
    }
    send()
    await Promise.all([closed, isOver])

    // Node itself answers who asks, on a server that is not from createServer().
    expect(received()).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 413 /)
    expect(received()).toMatch(/ERR_AUTH_TOO_LARGE"\}$/)
    // What is in the buffers by the time that it shows: nothing that grows with what is sent.
    expect(server.bytesRead).toBeLessThan(limit + 400_000)
  })

  test('and sent in chunks is refused as soon as it shows, and the target sees that it was cut off', async () => {
    const seen = upstream.requests.length
    const atTarget = new Promise<string>((resolve) => {
      upstream.answer((req) => {
        req.on('error', () => {}).resume()
        void gone(req).then(() => resolve(req.complete ? 'complete' : 'cut'))
      })
    })
    const { socket, received, closed } = await begin('Transfer-Encoding: chunked')
    socket.write(`${(LIMIT - 10).toString(16)}\r\n${'x'.repeat(LIMIT - 10)}\r\n`)
    await until(() => upstream.requests.length > seen, 'the target gets it')
    expect(received()).toBe('')

    socket.write(`10\r\n${'x'.repeat(16)}\r\n`)
    await until(() => received().includes('ERR_AUTH_TOO_LARGE'), 'the answer')

    expect(received()).toMatch(/^HTTP\/1\.1 413 /)
    expect(received()).toMatch(/\r\nconnection: close\r\n/i)
    expect(await atTarget).toBe('cut')
    socket.end()
    await closed
  })

  test('does not stop other requests, and is no failure of the target', async () => {
    for (let n = 0; n < 6; n += 1) {
      const answer = await fetch(`${site.url}/x`, { method: 'POST', body: 'x'.repeat(LIMIT + 1) })
      expect(answer.status).toBe(413)
      await answer.text()
    }
    upstream.answer((_req, res) => void res.end('fine'))

    expect(await (await fetch(`${site.url}/x`)).text()).toBe('fine')
    expect(site.events).toEqual([])
  })

  test.each<[string, RequestInit]>([
    ['announced', { body: 'x'.repeat(LIMIT) }],
    ['in chunks', { body: new Blob(['x'.repeat(LIMIT)]).stream(), duplex: 'half' } as RequestInit],
  ])('is none that is just as long (%s)', async (_how, init) => {
    upstream.answer((req, res) => void readBytes(req).then((body) => res.end(String(body.length))))

    const answer = await fetch(`${site.url}/x`, { method: 'POST', ...init })

    expect(await answer.text()).toBe(String(LIMIT))
  })
})

/** However it comes about. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()))
}
