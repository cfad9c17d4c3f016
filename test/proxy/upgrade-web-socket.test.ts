import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { WebSocket } from 'ws'
import type { Browser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { closed, message, opened, refusal, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

describe('a web socket through the proxy', () => {
  let site: WebSocketSite
  let browser: Browser
  const guarded: unknown[] = []
  beforeAll(async () => {
    site = await startWebSocketSite({
      routes(app, auth) {
        app.use('/live/seen', auth.requireAuth(), (req, _res, next) => {
          guarded.push(req.auth.user?.sub)
          next()
        })
        app.use('/live/forbidden', auth.requireAuth({ scope: 'admin' }))
        app.get('/plain', (_req, res) => void res.type('text').send('no web socket here'))
        app.get('/broken', () => {
          throw new Error('the application broke')
        })
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  /** The last one that the target opened. */
  const atTarget = (): WebSocket => site.upstream.sockets.at(-1) as WebSocket

  test('carries messages both ways, text and binary', async () => {
    const socket = await opened(site.open(browser))

    socket.send('hello')
    expect(await message(socket)).toBe('hello')
    const binary = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 251))
    socket.send(binary)
    const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]

    expect(isBinary).toBe(true)
    expect(data.equals(binary)).toBe(true)
    socket.close()
    await closed(socket)
  })

  test('goes with the token, and without what is not for the target', async () => {
    const socket = await opened(
      site.open(browser, '/live/orders?since=1', { headers: { authorization: 'Bearer mine' } }),
    )
    const { url, headers } = site.upstream.upgrades.at(-1) ?? { url: '', headers: {} }

    expect(url).toBe('/orders?since=1')
    expect(headers.authorization).toMatch(/^Bearer .{20,}$/)
    expect(headers.authorization).not.toBe('Bearer mine')
    expect(headers.cookie).toBeUndefined()
    expect(headers['x-forwarded-host']).toBe(new URL(site.url).host)
    expect(headers).toMatchObject({ upgrade: 'websocket', connection: 'upgrade', origin: site.url })
    socket.terminate()
  })

  test('agrees with the target on a subprotocol and on compression', async () => {
    const socket = await opened(site.open(browser, '/live', { protocols: ['other', 'chat'], perMessageDeflate: true }))

    expect(socket.protocol).toBe('chat')
    socket.send('x'.repeat(10_000))
    expect(await message(socket)).toHaveLength(10_000)
    socket.terminate()
  })

  test('is closed by the target with its own code, which the client sees', async () => {
    const socket = await opened(site.open(browser))

    atTarget().close(4321, 'enough')

    expect(await closed(socket)).toEqual({ code: 4321, reason: 'enough' })
  })

  test('is closed by the client with its own code, which the target sees', async () => {
    const socket = await opened(site.open(browser))
    const end = closed(atTarget())

    socket.close(4000, 'bye')

    expect(await end).toEqual({ code: 4000, reason: 'bye' })
  })

  test.each([
    ['the client', (socket: WebSocket) => [socket, atTarget()] as const],
    ['the target', (socket: WebSocket) => [atTarget(), socket] as const],
  ])('that is cut by %s is cut on the other side', async (_who, sides) => {
    const [cutter, other] = sides(await opened(site.open(browser)))
    const end = closed(other)

    cutter.terminate()

    expect(await end).toMatchObject({ code: 1006 })
  })

  test('passes pings and pongs of either side', async () => {
    const socket = await opened(site.open(browser))
    const atClient = once(socket, 'ping')
    const pong = once(atTarget(), 'pong')

    atTarget().ping('are you there')

    expect(String((await atClient)[0])).toBe('are you there')
    expect(String((await pong)[0])).toBe('are you there')
    socket.terminate()
  })

  test('what the target says together with its acceptance is not lost', async () => {
    site.upstream.onUpgrade((req, socket, head) => {
      site.upstream.accept(req, socket, head)
      site.upstream.sockets.at(-1)?.send('at once')
    })
    const socket = site.open(browser)

    expect(await message(socket)).toBe('at once')
    site.upstream.onUpgrade(site.upstream.accept)
    socket.terminate()
  })

  test('is seen by guards as any request', async () => {
    const socket = await opened(site.open(browser, '/live/seen'))

    expect(guarded).toEqual(['alice'])
    socket.terminate()
  })

  test('without a session is refused with 401, and the target hears nothing', async () => {
    const seen = site.upstream.upgrades.length

    const answer = await refusal(site.open(site.browser()))

    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'ERR_AUTH_REQUIRED' })
    expect(answer.headers.connection).toBe('close')
    expect(site.upstream.upgrades).toHaveLength(seen)
  })

  test('that a guard forbids is refused with 403', async () => {
    expect(await refusal(site.open(browser, '/live/forbidden'))).toMatchObject({ status: 403 })
  })

  test('to a route that is no proxy gets the ordinary answer', async () => {
    expect(await refusal(site.open(browser, '/plain'))).toMatchObject({ status: 200, text: 'no web socket here' })
    expect(await refusal(site.open(browser, '/nowhere'))).toMatchObject({ status: 404 })
    expect(await refusal(site.open(browser, '/broken'))).toMatchObject({ status: 500 })
  })

  test.each([
    [404, 'no such room'],
    [200, 'not a web socket'],
    [302, ''],
    [503, 'x'.repeat(2_000_000)],
  ])('that the target answers with %s gets that answer', async (status, text) => {
    site.upstream.onUpgrade((_req, socket) => {
      socket.end(
        `HTTP/1.1 ${status} As It Likes\r\nLocation: /elsewhere\r\nX-Why: because\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      )
    })

    const answer = await refusal(site.open(browser))

    site.upstream.onUpgrade(site.upstream.accept)
    expect(answer).toMatchObject({ status, text })
    expect(answer.headers['x-why']).toBe('because')
  })

  test('whose target is not there gets 502', async () => {
    const lost = await startWebSocketSite({
      routes: (app, auth) => void app.use('/dead', auth.requireAuth(), auth.proxy('http://127.0.0.1:9')),
    })
    try {
      expect(await refusal(lost.open(await lost.signedIn(), '/dead'))).toMatchObject({ status: 502 })
    } finally {
      await lost.close()
    }
  })

  test('of a client that leaves before the answer ends the request at the target', async () => {
    const ended = new Promise((resolve) => {
      site.upstream.onUpgrade((_req, socket) => void socket.resume().once('end', resolve))
    })
    const seen = site.upstream.upgrades.length
    const socket = site.open(browser)
    await until(() => site.upstream.upgrades.length > seen, 'it arrives')

    socket.terminate()

    await ended
    site.upstream.onUpgrade(site.upstream.accept)
    expect(site.events.filter(({ type }) => type === 'error')).toHaveLength(0)
  })

  test('of another version is told which one there is', async () => {
    const answer = await refusal(site.open(browser, '/live', { protocolVersion: 8 }))

    expect(answer.status).toBe(426)
    expect(answer.headers['sec-websocket-version']).toBe('13')
  })
})

describe('a server without attach()', () => {
  test('answers an upgrade as an ordinary request, and the target hears of no upgrade', async () => {
    const site = await startWebSocketSite()
    site.server.removeAllListeners('upgrade')
    try {
      const answer = await refusal(site.open(await site.signedIn()))

      expect(answer).toMatchObject({ status: 200, text: 'ordinary' })
      expect(site.upstream.upgrades).toHaveLength(0)
      expect(site.upstream.requests[0]?.headers.upgrade).toBeUndefined()
    } finally {
      await site.close()
    }
  })
})
