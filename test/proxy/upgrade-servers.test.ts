import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
import express4 from 'express4'
import { WebSocket } from 'ws'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { closed, message, opened, startSocketServer, type SocketServer } from '../support/web-socket-site.ts'

describe.each([
  ['4', express4],
  ['5', express5],
])('auth.createServer(app) with Express %s', (_version, express) => {
  let site: MountedApp
  let upstream: SocketServer
  let auth: Latchkey
  let server: Server
  beforeAll(async () => {
    upstream = await startSocketServer()
    site = await startMountedApp([''], ({ options, runtime }) => {
      auth = latchkey(options(), runtime)
      const app = express()
      app.use(auth)
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      app.use('/live', auth.requireAuth(), auth.proxy(upstream.url))
      server = auth.createServer(app)
      return app
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    await auth.close()
    await new Promise((resolve) => server.close(resolve))
    await site.close()
    await upstream.close()
  })

  test('a web socket is opened, used, and closed by a sign-out', async () => {
    const browser = await site.signedIn('/me')
    const { port } = server.address() as AddressInfo
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, {
      headers: { origin: site.url, cookie: browser.cookieHeader(site.url) },
    })
    await opened(socket)
    socket.send('hello')
    expect(await message(socket)).toBe('hello')
    const end = closed(socket)

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(await end).toEqual({ code: 4401, reason: 'signed out' })
  })
})
