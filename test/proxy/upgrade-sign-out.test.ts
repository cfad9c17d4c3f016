import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { json, type Express } from 'express'
import session, { MemoryStore } from 'express-session'
import { WebSocket } from 'ws'
import { MemoryGrantStore } from '../../lib/grants/memory-grant-store.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { unreliable } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'
import { closed, message, opened, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const SIGNED_OUT = { code: 4401, reason: 'signed out' }

/** Longer than the processes take to look after what is open. */
const A_LOOK = { seconds: 17 }
const A_SECOND_LOOK = { seconds: 2 }

/** What an application does with sessions by itself. */
function deleting(app: Express): void {
  app.get('/session-id', (req, res) => void res.json({ id: req.sessionID }))
  app.post('/delete', json(), (req, res, next) => {
    const { id } = req.body as { id?: string }
    const done = (error: unknown): void => void (error ? next(error) : res.json({ deleted: true }))
    if (id === undefined) req.session.destroy(done)
    else req.sessionStore.destroy(id, done)
  })
}

describe('when its sign-in ends, a web socket', () => {
  const grants = unreliable(new MemoryGrantStore({ now: () => Date.now() }))
  const sessions = new MemoryStore()
  let site: WebSocketSite
  let elsewhere: string
  beforeAll(async () => {
    site = await startWebSocketSite({
      options: { grants: grants.store, session: { store: sessions } },
      routes: deleting,
    })
    elsewhere = await site.another()
  })
  afterEach(() => grants.back())
  afterAll(async () => {
    await site.close()
  })

  /** Advances the clock over a look at everything, and the second that follows a first suspicion. */
  async function look({ clock } = site): Promise<void> {
    clock.advance(A_LOOK)
    await new Promise((resolve) => setTimeout(resolve, 50))
    clock.advance(A_SECOND_LOOK)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }

  test('is closed at once by a sign-out, and the target is told that its client has gone', async () => {
    const browser = await site.signedIn()
    const [one, two] = await Promise.all([opened(site.open(browser)), opened(site.open(browser))])
    const ends = Promise.all([one, two, ...site.upstream.sockets.slice(-2)].map(closed))

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(await ends).toEqual([SIGNED_OUT, SIGNED_OUT, { code: 1001, reason: '' }, { code: 1001, reason: '' }])
    await until(() => site.upstream.connections.size === 0, 'nothing stays open at the target')
  })

  test('stays open when somebody else signs out', async () => {
    const [browser, other] = await Promise.all([site.signedIn(), site.signedIn()])
    const socket = await opened(site.open(browser))

    await other.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    socket.send('still here')

    expect(await message(socket)).toBe('still here')
    socket.terminate()
  })

  test('is closed at once by a sign-out of all devices', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))

    await site.auth.grants.forSubject('alice').endSessions()

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('is closed at once by a sign-out while the grant store is away', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))
    grants.refuse()

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('is closed within seconds by a sign-out in another process', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser, '/live', { at: elsewhere })))

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    await look()

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('is closed at once when the application deletes the session', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))

    await browser.post(`${site.url}/delete`, {})

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('is closed at once when somebody else has the application delete it from the store, and no other is', async () => {
    const [browser, other] = await Promise.all([site.signedIn(), site.signedIn()])
    const [socket, others] = await Promise.all([opened(site.open(browser)), opened(site.open(other))])
    const end = closed(socket)
    const { id } = (await browser.get(`${site.url}/session-id`)).json() as { id: string }

    await other.post(`${site.url}/delete`, { id })

    expect(await end).toEqual(SIGNED_OUT)
    others.send('still here')
    expect(await message(others)).toBe('still here')
    others.terminate()
  })

  test('is closed at once when that is in a session of the application itself', async () => {
    const own = await startWebSocketSite({
      before: (app) => void app.use(session({ secret: 'of the application', resave: false, saveUninitialized: false })),
      routes: deleting,
    })
    try {
      const browser = await own.signedIn()
      const end = closed(await opened(own.open(browser)))

      await browser.post(`${own.url}/delete`, {})

      expect(await end).toEqual(SIGNED_OUT)
    } finally {
      await own.close()
    }
  })

  test('is closed within seconds when the session is gone from the store, whoever deleted it', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))

    await new Promise((resolve) => sessions.clear(resolve))
    await look()

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('stays open while the stores cannot be asked', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    grants.refuse()

    await look()
    await look()
    socket.send('still here')

    expect(await message(socket)).toBe('still here')
    socket.terminate()
  })

  test('stays open while the session store answers nobody, and no other has to', async () => {
    const hanging = new MemoryStore()
    const stuck = await startWebSocketSite({ options: { session: { store: hanging } } })
    try {
      const [browser, other] = await Promise.all([stuck.signedIn(), stuck.signedIn()])
      const [socket, left] = await Promise.all([opened(stuck.open(browser)), opened(stuck.open(other))])
      const end = closed(left)
      const get = hanging.get.bind(hanging)
      hanging.get = () => {}
      await look(stuck)
      // Whatever was asked has been given up by then.
      for (let n = 0; n < 3; n += 1) {
        stuck.clock.advance({ seconds: 5 })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      socket.send('still here')
      expect(await message(socket)).toBe('still here')

      hanging.get = get
      await new Promise((resolve) => hanging.clear(resolve))
      await look(stuck)

      expect(await end).toEqual(SIGNED_OUT)
    } finally {
      await stuck.close()
    }
  })

  test('stays open while its sign-in holds, with two reads for all that is open in a session', async () => {
    const browser = await site.signedIn()
    const sockets = await Promise.all(Array.from({ length: 5 }, () => opened(site.open(browser))))
    const asked = grants.calls('inspect')

    await look()

    expect(grants.calls('inspect') - asked).toBe(1)
    sockets[4]?.send('still here')
    expect(await message(sockets[4] as WebSocket)).toBe('still here')
    for (const socket of sockets) socket.terminate()
  })

  test('stays open when the session goes on under another id', async () => {
    const moving = await startWebSocketSite({
      routes(app, auth) {
        app.post('/move', auth.requireAuth(), (req, res, next) => {
          const { latchkey } = req.session
          req.session.regenerate((error: unknown) => {
            if (error !== undefined && error !== null) return next(error)
            if (latchkey !== undefined) req.session.latchkey = latchkey
            res.json({ moved: true })
          })
        })
      },
    })
    try {
      const browser = await moving.signedIn()
      const socket = await opened(moving.open(browser))
      expect((await browser.post(`${moving.url}/move`, {})).status).toBe(200)
      expect((await browser.get(`${moving.url}/me`)).status).toBe(200)

      moving.clock.advance(A_LOOK)
      await new Promise((resolve) => setTimeout(resolve, 50))
      moving.clock.advance(A_SECOND_LOOK)
      socket.send('still here')

      expect(await message(socket)).toBe('still here')
      socket.terminate()
    } finally {
      await moving.close()
    }
  })

  test('is closed when the grant dies: its refresh token is refused', async () => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))
    site.authorizationServer.revokeEverything()
    site.clock.advance({ seconds: 61 })

    await browser.get(`${site.url}/api/orders`)

    expect(await end).toEqual(SIGNED_OUT)
  })

  test('is told at a frame boundary, whatever the target is in the middle of', async () => {
    const browser = await site.signedIn()
    const halves: Buffer[] = [Buffer.from([0x82, 5, 1, 2]), Buffer.from([3, 4, 5, 0x82, 1, 9])]
    let finish = (): void => {}
    site.upstream.onUpgrade((req, socket, head) => {
      site.upstream.accept(req, socket, head)
      socket.write(halves[0] as Buffer)
      finish = () => void socket.write(halves[1] as Buffer)
    })
    const socket = site.open(browser)
    const [first, end] = [new Promise<Buffer>((resolve) => socket.once('message', resolve as never)), closed(socket)]
    await opened(socket)

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    finish()

    expect([...(await first)]).toEqual([1, 2, 3, 4, 5])
    expect(await end).toEqual(SIGNED_OUT)
    site.upstream.onUpgrade(site.upstream.accept)
  })

  test('is cut when the target does not come to the end of a frame', async () => {
    const browser = await site.signedIn()
    site.upstream.onUpgrade((req, socket, head) => {
      site.upstream.accept(req, socket, head)
      socket.write(Buffer.from([0x82, 5, 1, 2]))
    })
    const socket = await opened(site.open(browser))
    const end = closed(socket)

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    site.clock.advance({ seconds: 2 })

    expect(await end).toMatchObject({ code: 1006 })
    site.upstream.onUpgrade(site.upstream.accept)
    await until(() => site.upstream.connections.size === 0, 'nothing stays open at the target')
  })

  test('of which the client says more by then: none of that reaches the target', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    const seen: string[] = []
    site.upstream.sockets.at(-1)?.on('message', (data: Buffer) => void seen.push(data.toString()))
    const end = closed(socket)
    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    if (socket.readyState === WebSocket.OPEN) socket.send('too late')

    await end
    expect(seen).toEqual([])
  })
})

describe('when its sign-in ends, an answer under way', () => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test('that is an event stream is cut at once, here and at the target', async () => {
    const browser = await site.signedIn()
    const left = new Promise((resolve) => {
      site.upstream.onRequest((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
        res.once('close', resolve)
      })
    })
    const headers = { accept: 'text/event-stream' }
    const answer = await answerTo(beginRequest(browser, `${site.url}/live/events`, { headers }).end())
    const received = receive(answer)

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(await Promise.race([received, new Promise((resolve) => setTimeout(resolve, 1_000, 'later'))])).toEqual({
      text: 'data: 1\n\n',
      end: 'cut',
    })
    await left
  })

  test('that is nearly there still gets there', async () => {
    const browser = await site.signedIn()
    let finish = (): void => {}
    site.upstream.onRequest((_req, res) => {
      res.write('one ')
      finish = () => res.end('two')
    })
    const received = receive(await answerTo(beginRequest(browser, `${site.url}/live/report`).end()))

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    finish()

    expect(await received).toEqual({ text: 'one two', end: 'complete' })
  })

  test('that goes on is cut: a long poll, a download', async () => {
    const browser = await site.signedIn()
    site.upstream.onRequest((_req, res) => void res.write('one '))
    const received = receive(await answerTo(beginRequest(browser, `${site.url}/live/report`).end()))

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    site.clock.advance({ seconds: 3 })

    expect(await received).toEqual({ text: 'one ', end: 'cut' })
  })
})

describe('auth.close()', () => {
  test('closes web sockets: both sides are told that the other goes away', async () => {
    const site = await startWebSocketSite()
    const socket = await opened(site.open(await site.signedIn()))
    const ends = Promise.all([closed(socket), closed(site.upstream.sockets[0] as WebSocket)])

    await site.close()

    expect(await ends).toEqual([
      { code: 1001, reason: 'going away' },
      { code: 1001, reason: '' },
    ])
  })

  test('does not wait for a client that is not there any more', async () => {
    const site = await startWebSocketSite()
    const socket = await opened(site.open(await site.signedIn()))
    socket.pause()
    const begun = performance.now()

    await site.auth.close()

    expect(performance.now() - begun).toBeLessThan(4_000)
    await site.close()
  })
})
