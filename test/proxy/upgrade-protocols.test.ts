import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Socket } from 'node:net'
import type { Browser } from '../support/browser.ts'
import { rawUpgrade, type RawUpgradeOptions } from '../support/raw-upgrade.ts'
import { until } from '../support/until.ts'
import { closed, opened, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const AN_HOUR = { seconds: 3_600 }

const ECHO: RawUpgradeOptions = { headers: { Upgrade: 'echo/1', 'Sec-WebSocket-Key': '', 'Sec-WebSocket-Version': '' } }

describe('an upgrade to another protocol', () => {
  let site: WebSocketSite
  let browser: Browser
  beforeAll(async () => {
    site = await startWebSocketSite({ accessTokenTtlSeconds: 100_000 })
    browser = await site.signedIn()
  })
  afterEach(() => {
    for (const connection of site.upstream.connections) connection.destroy()
  })
  afterAll(async () => {
    await site.close()
  })

  function speak(then: (socket: Socket) => void, protocol = 'Echo/1'): void {
    site.upstream.onUpgrade((_req, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${protocol}\r\nX-Room: 7\r\n\r\n`,
      )
      then(socket)
    })
  }

  test('joins client and target', async () => {
    speak((socket) => void socket.pipe(socket))
    const client = rawUpgrade(browser, `${site.url}/live`, ECHO)

    const head = await client.answered()
    client.socket.write('any bytes')

    expect(head).toMatch(/^HTTP\/1\.1 101 .*\r\nConnection: Upgrade\r\nUpgrade: echo\/1\r\n/)
    expect(head).toMatch(/\r\nx-room: 7/i)
    expect((await client.received(9)).toString()).toBe('any bytes')
    expect(site.upstream.upgrades.at(-1)?.headers).toMatchObject({ upgrade: 'echo/1', connection: 'upgrade' })
    client.socket.destroy()
  })

  test('one side may end and still listen', async () => {
    let heard = ''
    speak((socket) => {
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
      socket.once('end', () => socket.end(`you said ${heard}`))
    })
    const client = rawUpgrade(browser, `${site.url}/live`, ECHO)
    await client.answered()

    client.socket.end('my last words')
    await client.ended()

    expect(client.body.toString()).toBe('you said my last words')
  })

  test('the target may end first, and still hear the client', async () => {
    let heard = ''
    let atTarget: Socket | undefined
    speak((socket) => {
      atTarget = socket
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
      socket.end('over to you')
    })
    const client = rawUpgrade(browser, `${site.url}/live`, ECHO)
    client.socket.allowHalfOpen = true
    await client.received(11)
    await client.ended()

    client.socket.end('thank you')

    await until(() => atTarget?.closed === true, 'both have closed')
    expect(heard).toBe('thank you')
  })

  test('may be silent for as long as it likes', async () => {
    speak((socket) => void socket.pipe(socket))
    const client = rawUpgrade(browser, `${site.url}/live`, ECHO)
    await client.answered()

    site.clock.advance(AN_HOUR)
    site.clock.advance(AN_HOUR)
    client.socket.write('still here')

    expect((await client.received(10)).toString()).toBe('still here')
    client.socket.destroy()
  })

  test('is cut when its sign-in ends', async () => {
    speak(() => {})
    const other = await site.signedIn()
    const client = rawUpgrade(other, `${site.url}/live`, ECHO)
    await client.answered()

    await other.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    await client.ended()
    expect(client.body).toHaveLength(0)
  })

  test('is offered as a list, of which the target takes one', async () => {
    speak((socket) => void socket.pipe(socket), 'echo/2')
    const client = rawUpgrade(browser, `${site.url}/live`, {
      headers: { ...ECHO.headers, Upgrade: 'echo/1, echo/2, tls/1.3' },
    })

    expect(await client.answered()).toContain('Upgrade: echo/2')
    expect(site.upstream.upgrades.at(-1)?.headers.upgrade).toBe('echo/1, echo/2')
    client.socket.destroy()
  })
})

describe('tunnels', () => {
  test('take none of the connections that requests share', async () => {
    const site = await startWebSocketSite({ proxy: { connections: 1 } })
    try {
      const browser = await site.signedIn()
      const sockets = []
      for (let n = 0; n < 5; n += 1) {
        sockets.push(await opened(site.open(browser)))
        expect((await browser.get(`${site.url}/live/x`)).text).toBe('ordinary')
      }
      for (const socket of sockets) socket.terminate()
    } finally {
      await site.close()
    }
  })

  test('of a proxy without tokens are cut by a sign-out as well', async () => {
    const site = await startWebSocketSite({ proxy: { token: false } })
    try {
      const browser = await site.signedIn()
      const socket = await opened(site.open(browser))
      const end = closed(socket)
      expect(site.upstream.upgrades[0]?.headers.authorization).toBeUndefined()

      await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

      expect(await end).toMatchObject({ code: 4401 })
    } finally {
      await site.close()
    }
  })
})

describe('attach({ path })', () => {
  test('leaves upgrades elsewhere to other listeners, and takes those below it', async () => {
    const site = await startWebSocketSite({ attach: { path: '/live' } })
    try {
      site.server.on('upgrade', (req, socket) => {
        if (!/^\/live(?:[/?]|$)/.test(req.url ?? ''))
          socket.end('HTTP/1.1 418 Not Yours\r\nContent-Length: 0\r\n\r\n', () => socket.destroy())
      })
      const browser = await site.signedIn()
      const answers = ['/live', '/live/x?y', '/live?x', '/liver', '/', '/me'].map(async (path) => {
        const client = rawUpgrade(browser, site.url + path)
        const [status] = (await client.answered()).split('\r\n')
        client.socket.destroy()
        return [path, status]
      })

      expect(Object.fromEntries(await Promise.all(answers))).toEqual({
        '/live': 'HTTP/1.1 101 Switching Protocols',
        '/live/x?y': 'HTTP/1.1 101 Switching Protocols',
        '/live?x': 'HTTP/1.1 101 Switching Protocols',
        '/liver': 'HTTP/1.1 418 Not Yours',
        '/': 'HTTP/1.1 418 Not Yours',
        '/me': 'HTTP/1.1 418 Not Yours',
      })
    } finally {
      await site.close()
    }
  })

  test('answers those elsewhere when nobody else does, and all of them once, however often it is called', async () => {
    const site = await startWebSocketSite({ attach: { path: '/live' } })
    try {
      site.auth.attach(site.server)
      site.auth.attach(site.server, { path: '/other' })
      const client = rawUpgrade(await site.signedIn(), `${site.url}/nowhere`)

      await client.ended()

      expect(client.text).toMatch(/^HTTP\/1\.1 404 /)
      expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    } finally {
      await site.close()
    }
  })

  test('refuses options that are none', async () => {
    const site = await startWebSocketSite()
    try {
      for (const options of [{ path: 'live' }, { path: '/live?x' }, { paths: '/live' }, { path: 7 }])
        expect(() => site.auth.attach(site.server, options as object)).toThrow(
          expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }),
        )
    } finally {
      await site.close()
    }
  })
})
