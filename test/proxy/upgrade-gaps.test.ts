import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { WebSocket, WebSocketServer } from 'ws'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from '../support/app.ts'
import { until } from '../support/until.ts'
import { opened, refusal, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

describe('a sign-out between the guard and a proxy without a token', () => {
  let site: WebSocketSite
  let go: (() => void) | undefined
  beforeAll(async () => {
    site = await startWebSocketSite({
      routes(app, auth, upstream) {
        app.use(
          '/gap',
          auth.requireAuth(),
          (_req, _res, next) => void (go = () => next()), // looks something up
          auth.proxy(upstream.url, { token: false }),
        )
      },
    })
  })
  afterAll(async () => {
    await site.close()
  })

  test('opens no web socket', async () => {
    const browser = await site.signedIn()
    const refused = refusal(site.open(browser, '/gap'))
    await until(() => go !== undefined, 'the guard')
    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    go?.()

    expect((await refused).status).toBe(401)
  })
})

describe('a server of createServer() with another web socket server of the application', () => {
  let auth: Latchkey
  let server: Server
  let own: WebSocketServer
  beforeEach(async () => {
    auth = latchkey({
      baseUrl: 'https://app.example',
      provider: oidc({ issuer: 'https://id.example', clientId: 'c' }),
      secret: SECRET,
    })
    const app = express()
    app.get('/live', (_req, res) => void res.status(418).end())
    server = auth.createServer(app)
    own = new WebSocketServer({ noServer: true })
    server.on('upgrade', (req, socket, head) => {
      if (req.url === '/own') own.handleUpgrade(req, socket, head, (opening) => opening.send('own'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    own.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await auth.close()
  })

  const origin = (): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`

  test('leaves to that what is its own', async () => {
    const socket = new WebSocket(`${origin()}/own`)
    let said = ''
    socket.on('message', (data: Buffer) => (said = data.toString())).on('error', (error) => (said = error.message))
    await opened(socket)
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // an answer of ours would have closed it by then

    expect([said, socket.readyState]).toEqual(['own', WebSocket.OPEN])
    socket.terminate()
  })

  test('takes what attach() names', async () => {
    auth.attach(server, { path: '/live' })

    expect((await refusal(new WebSocket(`${origin()}/live`))).status).toBe(418)
  })
})
