import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Socket } from 'node:net'
import type { Browser } from '../support/browser.ts'
import { frame, rawUpgrade } from '../support/raw-upgrade.ts'
import { until } from '../support/until.ts'
import { startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const SMUGGLED = 'GET /internal HTTP/1.1\r\nHost: target\r\n\r\n'

/** To the key of `rawUpgrade`. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

describe('an upgrade that is to carry requests past the proxy', () => {
  let site: WebSocketSite
  let browser: Browser
  let target: Socket | undefined
  let targetCame = ''
  beforeAll(async () => {
    site = await startWebSocketSite({
      routes: (app) => void app.all('/plain', (_req, res) => void res.type('text').send('plain')),
    })
    browser = await site.signedIn()
  })
  afterEach(async () => {
    for (const connection of site.upstream.connections) connection.destroy()
    await until(() => site.upstream.connections.size === 0, 'the next test begins anew')
    site.upstream.requests.length = 0
    site.upstream.upgrades.length = 0
    targetCame = ''
  })
  afterAll(async () => {
    await site.close()
  })

  /** The target answers an upgrade with these bytes, and listens. */
  function answerWith(bytes: string): void {
    site.upstream.onUpgrade((_req, socket, head) => {
      target = socket
      if (head.length > 0) socket.unshift(head)
      socket.on('data', (chunk: Buffer) => (targetCame += chunk.toString('latin1')))
      socket.once('end', () => socket.end())
      socket.write(bytes)
    })
  }

  const accepted = (headers: string): string =>
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${headers}\r\n\r\n`

  /** What a client is answered, and that it was the end. */
  async function statusOf(client: ReturnType<typeof rawUpgrade>): Promise<string> {
    await client.ended()
    return client.text.slice(0, 12)
  }

  test.each(['h2c', 'H2C', 'h2', 'h3', 'HTTP/2.0', 'HTTP/1.1', 'TLS/1.2', 'SPDY/3.1'])(
    'to %s is none: the request is an ordinary one',
    async (protocol) => {
      const headers = {
        Upgrade: protocol,
        Connection: 'Upgrade, HTTP2-Settings',
        'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
      }
      const client = rawUpgrade(browser, `${site.url}/live/x`, { headers, early: SMUGGLED })

      expect(await statusOf(client)).toBe('HTTP/1.1 200')
      expect(client.body.toString()).toContain('ordinary')
      expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
      expect(site.upstream.upgrades).toEqual([])
      expect(site.upstream.requests.map(({ url }) => url)).toEqual(['/x'])
      expect(site.upstream.requests[0]?.headers).not.toHaveProperty('upgrade')
      expect(site.upstream.requests[0]?.headers).not.toHaveProperty('http2-settings')
    },
  )

  test('to h2c or a web socket is refused', async () => {
    const client = rawUpgrade(browser, `${site.url}/live`, { headers: { Upgrade: 'h2c, websocket' } })

    expect(await statusOf(client)).toBe('HTTP/1.1 400')
    expect(site.upstream.upgrades).toEqual([])
  })

  test.each([
    ['Content-Length', { 'Content-Length': '42' }],
    ['chunks', { 'Transfer-Encoding': 'chunked' }],
  ])('with a body (%s) is refused, and nothing of it goes anywhere', async (_how, headers) => {
    for (const path of ['/live/x', '/plain']) {
      const client = rawUpgrade(browser, site.url + path, { headers, early: SMUGGLED })

      expect(await statusOf(client)).toBe('HTTP/1.1 400')
      expect(client.text).toContain('can have no body here')
      expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    }
    expect(site.upstream.upgrades).toEqual([])
    expect(site.upstream.requests).toEqual([])
  })

  test.each(['POST', 'HEAD', 'PUT'])('by %s is no web socket', async (method) => {
    const client = rawUpgrade(browser, `${site.url}/live`, { method })

    expect(await statusOf(client)).toBe('HTTP/1.1 400')
    expect(site.upstream.upgrades).toEqual([])
  })

  test.each(['', 'short', 'dGhlIHNhbXBsZSBub25jZSBpcyB0b28gbG9uZw=='])(
    'with the key "%s" is no web socket',
    async (key) => {
      const client = rawUpgrade(browser, `${site.url}/live`, { headers: { 'Sec-WebSocket-Key': key } })

      expect(await statusOf(client)).toBe('HTTP/1.1 400')
      expect(site.upstream.upgrades).toEqual([])
    },
  )

  test('by bytes right behind it reaches nobody before the target accepts', async () => {
    let settle = (): void => {}
    site.upstream.onUpgrade((_req, socket, head) => {
      targetCame = head.toString('latin1')
      socket.on('data', (chunk: Buffer) => (targetCame += chunk.toString('latin1')))
      settle = () => socket.write(accepted(`Upgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}`))
    })
    const early = frame(1, 'early', true)
    const client = rawUpgrade(browser, `${site.url}/live`, { early })
    await until(() => site.upstream.upgrades.length === 1, 'the upgrade arrives')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(targetCame).toBe('')

    settle()

    await until(() => targetCame === early.toString('latin1'), 'it arrives then, whole')
    client.socket.destroy()
  })

  test('by bytes right behind one that is refused is dropped', async () => {
    answerWith('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    const client = rawUpgrade(browser, `${site.url}/live`, { early: SMUGGLED })

    expect(await statusOf(client)).toBe('HTTP/1.1 403')
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(targetCame).toBe('')
    expect(site.upstream.requests).toEqual([])
  })

  test.each([
    ['that is not masked', frame(1, 'hello', false)],
    ['of control that is too long', Buffer.from([0x89, 0xfe, 0, 126, 0, 0, 0, 0])],
    ['of control in parts', Buffer.from([0x09, 0x81, 0, 0, 0, 0, 1])],
    ['that is a request', Buffer.from(SMUGGLED)],
  ])('by a frame %s ends the web socket, and the target gets nothing of it', async (_which, bytes) => {
    answerWith(accepted(`Upgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}`))
    const client = rawUpgrade(browser, `${site.url}/live`)
    await client.answered()

    client.socket.write(bytes)
    await client.ended()

    expect(client.body.subarray(0, 4)).toEqual(Buffer.from([0x88, 2 + 'not a frame'.length, 0x03, 0xea]))
    expect(targetCame).toBe('')
    expect(target?.destroyed || target?.readableEnded).toBe(true)
  })

  test('by a target whose frames are masked ends the web socket', async () => {
    answerWith(accepted(`Upgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}`))
    const client = rawUpgrade(browser, `${site.url}/live`)
    await client.answered()

    target?.write(frame(1, 'hello', true))

    await client.ended()
    expect(client.body).toHaveLength(0)
  })

  test.each([
    ['says 101 and no more', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['says 101 without Connection', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
    ['accepts nothing', accepted('Upgrade: websocket')],
    ['accepts another key', accepted('Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
    ['goes on in another protocol', accepted(`Upgrade: h2c\r\nSec-WebSocket-Accept: ${ACCEPT}`)],
    ['goes on in several', accepted(`Upgrade: websocket, h2c\r\nSec-WebSocket-Accept: ${ACCEPT}`)],
    ['says no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ])('through a target that %s is a bad answer', async (_what, bytes) => {
    answerWith(bytes)
    const client = rawUpgrade(browser, `${site.url}/live`, { early: frame(1, 'early', true) })

    expect(await statusOf(client)).toBe('HTTP/1.1 502')
    expect(client.text).toContain('ERR_AUTH_UPSTREAM')
    await until(() => site.upstream.connections.size === 0, 'the target is let go')
    expect(targetCame).toBe('')
  })

  test.each([
    ['with the headers of one', accepted('Upgrade: websocket')],
    ['without', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ])('that nobody asked for, %s, is a bad answer to an ordinary request', async (_how, bytes) => {
    site.upstream.onRequest((_req, res) => {
      res.socket?.write(bytes)
      res.socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled')
    })

    const answer = await browser.get(`${site.url}/live/x`)

    expect(answer.status).toBe(502)
    expect(answer.text).not.toContain('smuggled')
  })

  test('headers of the target cannot become more headers, nor a body', async () => {
    answerWith(
      accepted(
        `Upgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nX-Odd: a\tb\u00e9\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nConnection: X-Hop\r\nSet-Cookie: latchkey=stolen; Path=/\r\nSet-Cookie: theirs=1`,
      ),
    )
    const client = rawUpgrade(browser, `${site.url}/live`)

    const names = (await client.answered()).split('\r\n').slice(1).map((line) => line.split(':')[0]?.toLowerCase()) // prettier-ignore

    expect(names).toEqual(['connection', 'upgrade', 'sec-websocket-accept', 'x-odd', 'set-cookie'])
    expect(client.text).not.toContain('stolen')
    client.socket.destroy()
  })

  test('the token that a target repeats does not reach the client', async () => {
    site.upstream.onUpgrade((req, socket) => {
      const token = req.headers.authorization?.split(' ')[1]
      socket.write(accepted(`Upgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nX-Token: ${token}`))
    })
    const client = rawUpgrade(browser, `${site.url}/live`)

    const head = await client.answered()

    const token = site.upstream.upgrades[0]?.headers.authorization?.split(' ')[1] ?? 'none'
    expect(head).toMatch(/x-token: \*{20,}/i)
    expect(head).not.toContain(token)
    client.socket.destroy()
  })
})
