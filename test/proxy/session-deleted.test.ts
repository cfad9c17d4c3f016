import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { json, type Express } from 'express'
import { MemoryStore } from 'express-session'
import { closed, message, opened, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const SIGNED_OUT = { code: 4401, reason: 'signed out' }

/** Answers with a promise, and hears of no callback. */
class PromisingStore extends MemoryStore {
  override destroy(id: string): unknown {
    return new Promise<void>((resolve) => super.destroy(id, () => resolve()))
  }
}

/** With a callback its promise never fails, as that of connect-redis. */
class AwayStore extends MemoryStore {
  override destroy(_id: string, done?: (error: unknown) => void): unknown {
    const error = new Error('away')
    if (done === undefined) return Promise.reject(error)
    done(error)
    return Promise.resolve()
  }
}

/** What an application does with sessions by itself. */
function deleting(app: Express): void {
  app.get('/session-id', (req, res) => void res.json({ id: req.sessionID }))
  app.post('/delete', (req, res) => void req.session.destroy(() => res.end()))
  app.post('/clear', (req, res) => req.sessionStore.clear?.(() => res.end()))
  app.post('/delete-and-forget', (req, res) => {
    req.session.destroy(undefined as unknown as () => void)
    res.end()
  })
  app.post('/delete-other', json(), async (req, res) => {
    const outcome = req.sessionStore.destroy((req.body as { id: string }).id) as unknown
    res.json({
      failure: await Promise.resolve(outcome).then(
        () => undefined,
        (error: unknown) => (error as Error).message,
      ),
    })
  })
  app.post('/renew', async (req, res) => {
    const { latchkey } = req.session
    await new Promise((resolve) => req.session.regenerate(resolve))
    Object.assign(req.session, { latchkey })
    res.end()
  })
}

describe.each([
  ['calls back', () => new MemoryStore()],
  ['promises', () => new PromisingStore()],
])('of a store that %s, a web socket', (kind, makeStore) => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite({ options: { session: { store: makeStore() } }, routes: deleting })
  })
  afterAll(() => site.close())

  const ways = ['/delete-and-forget', '/clear', ...(kind === 'promises' ? [] : ['/delete'])]

  test.each(ways)('is closed at once when the application deletes its session (%s)', async (path) => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))

    await browser.post(`${site.url}${path}`, {})

    expect(await orOpen(end)).toEqual(SIGNED_OUT)
  })
})

describe('a web socket whose session has a new id', () => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite({ options: { session: { store: new MemoryStore() } }, routes: deleting })
  })
  afterAll(() => site.close())

  test('is closed at once when the application deletes the session, and not when it deletes what was there before', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    const end = closed(socket)
    const old = (await (await browser.get(`${site.url}/session-id`)).json()) as { id: string }
    await browser.post(`${site.url}/renew`, {})
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)

    await browser.post(`${site.url}/delete-other`, old)
    socket.send('still here')
    expect(await message(socket)).toBe('still here')

    await browser.post(`${site.url}/delete`, {})
    expect(await orOpen(end)).toEqual(SIGNED_OUT)
  })

  test("is closed at once when all sessions are deleted, and stays open when those of another user's are", async () => {
    const [alice, bob] = [await site.signedIn(), await site.signedIn()]
    const socket = await opened(site.open(alice))
    const end = closed(socket)
    await alice.post(`${site.url}/renew`, {})
    await bob.post(`${site.url}/delete`, {})
    socket.send('still here')
    expect(await message(socket)).toBe('still here')

    await bob.post(`${site.url}/clear`, {})
    expect(await orOpen(end)).toEqual(SIGNED_OUT)
  })
})

describe('when a store fails to delete a session', () => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite({ options: { session: { store: new AwayStore() } }, routes: deleting })
  })
  afterAll(() => site.close())

  test('the application hears of it as from the store itself, and the web socket stays open', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    const own = (await (await browser.get(`${site.url}/session-id`)).json()) as { id: string }

    expect(await (await browser.post(`${site.url}/delete-other`, own)).json()).toEqual({ failure: 'away' })
    socket.send('still here')
    expect(await message(socket)).toBe('still here')
    socket.terminate()
  })
})

async function orOpen(end: Promise<unknown>): Promise<unknown> {
  return Promise.race([end, new Promise((resolve) => setTimeout(() => resolve('still open'), 1_000).unref())])
}
