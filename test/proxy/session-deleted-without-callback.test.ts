import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { closed, opened, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const SIGNED_OUT = { code: 4401, reason: 'signed out' }

// README: "the app deletes their session by req.session or req.sessionStore: … closed with 4401, at once in this process"
describe('a web socket, when the application deletes the session without waiting for the outcome', () => {
  let site: WebSocketSite
  beforeAll(async () => {
    site = await startWebSocketSite({
      routes(app) {
        app.post('/delete', (req, res) => {
          req.session.destroy(undefined as unknown as () => void)
          res.json({ deleted: true })
        })
      },
    })
  })
  afterAll(() => site.close())

  test('is closed at once', async () => {
    const browser = await site.signedIn()
    const socket = await opened(site.open(browser))
    const end = closed(socket)

    await browser.post(`${site.url}/delete`, {})

    const outcome = await Promise.race([end, new Promise((resolve) => setTimeout(() => resolve('still open'), 1_000))])
    socket.terminate()
    expect(outcome).toEqual(SIGNED_OUT)
  })
})
