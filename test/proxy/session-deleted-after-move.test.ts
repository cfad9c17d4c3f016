import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { MemoryStore } from 'express-session'
import { closed, opened, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const SIGNED_OUT = { code: 4401, reason: 'signed out' }

describe('a web socket is closed at once', () => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite({
      options: { session: { store: new MemoryStore() } },
      routes(app) {
        app.post('/renew', async (req, res) => {
          const { latchkey } = req.session
          await new Promise((resolve) => req.session.regenerate(resolve))
          Object.assign(req.session, { latchkey })
          res.end()
        })
        app.post('/delete', (req, res) => void req.session.destroy(() => res.end()))
        app.post('/clear', (req, res) => void req.sessionStore.clear?.(() => res.end()))
      },
    })
  })
  afterAll(() => site.close())

  test.each(['/delete', '/clear'])('when the application deletes its session (%s)', async (path) => {
    const browser = await site.signedIn()
    const end = closed(await opened(site.open(browser)))

    await browser.post(`${site.url}${path}`, {})

    expect(await orOpen(end)).toEqual(SIGNED_OUT)
  })

  test('when the application deletes its session, which has a new id by then', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    const end = closed(socket)
    await browser.post(`${site.url}/renew`, {})
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)

    await browser.post(`${site.url}/delete`, {})

    expect(await orOpen(end)).toEqual(SIGNED_OUT)
  })
})

async function orOpen(end: Promise<unknown>): Promise<unknown> {
  return Promise.race([end, new Promise((resolve) => setTimeout(() => resolve('still open'), 1_000))])
}
