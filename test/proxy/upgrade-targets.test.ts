import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { WebSocket, type ClientOptions } from 'ws'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import type { Browser } from '../support/browser.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { CA, SERVER } from '../support/tls-upstream.ts'
import { closed, message, opened, refusal, startSocketServer, type SocketServer } from '../support/web-socket-site.ts'

describe('web sockets to a server of createServer() with key and certificate', () => {
  let folder: string
  let secure: SocketServer
  let local: SocketServer
  let auth: Latchkey
  let server: Server
  let site: MountedApp
  let browser: Browser
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-socket-'))
    const socketPath = join(folder, 'live')
    secure = await startSocketServer({ tls: SERVER })
    local = await startSocketServer({ socketPath })
    site = await startMountedApp([''], ({ options, runtime }) => {
      auth = latchkey(options(), runtime)
      const app = express()
      app.use(auth)
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      app.use('/secure', auth.requireAuth(), auth.proxy(secure.url, { tls: { ca: CA } }))
      app.use('/untrusted', auth.requireAuth(), auth.proxy(secure.url))
      app.use('/local', auth.requireAuth(), auth.proxy('http://live.internal/v1', { socketPath }))
      app.use('/nowhere', auth.requireAuth(), auth.proxy('http://live.internal', { socketPath: join(folder, 'none') }))
      server = auth.createServer(app, SERVER)
      return app
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await site.signedIn('/me')
  })
  afterAll(async () => {
    await auth.close()
    await new Promise((resolve) => server.close(resolve))
    await Promise.all([site.close(), secure.close(), local.close()])
    await rm(folder, { recursive: true })
  })

  function open(path: string, options: ClientOptions = {}): WebSocket {
    const headers = { origin: site.url, cookie: browser.cookieHeader(site.url) }
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
    return new WebSocket(url, { ca: CA, headers, ...options }).on('error', () => {})
  }

  async function echoes(socket: WebSocket): Promise<void> {
    socket.send('hello')
    expect(await message(socket)).toBe('hello')
    const binary = Buffer.alloc(1_000_000, 'not a power of two')
    socket.send(binary)
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(data.equals(binary)).toBe(true)
  }

  test('reach a wss: target, with the token', async () => {
    const socket = await opened(open('/secure/room?n=1'))

    await echoes(socket)
    const { url, headers } = secure.upgrades.at(-1) ?? { url: '', headers: {} }
    expect(url).toBe('/room?n=1')
    expect(headers.authorization).toMatch(/^Bearer .{20,}$/)
    expect(headers.host).toBe(new URL(secure.url).host)
    expect(headers['x-forwarded-proto']).toBe(new URL(site.url).protocol.slice(0, -1))
    socket.close(4000, 'bye')
    expect(await closed(socket)).toEqual({ code: 4000, reason: 'bye' })
  })

  test('reach no wss: target whose certificate nobody trusts', async () => {
    const before = secure.upgrades.length

    expect(await refusal(open('/untrusted'))).toMatchObject({ status: 502 })
    expect(secure.upgrades).toHaveLength(before)
  })

  test('reach a target on a unix socket', async () => {
    const socket = await opened(open('/local/room'))

    await echoes(socket)
    expect(local.upgrades.at(-1)).toMatchObject({ url: '/v1/room', headers: { host: 'live.internal' } })
    socket.terminate()
  })

  test('to a unix socket that is not there are 502', async () => {
    expect(await refusal(open('/nowhere'))).toMatchObject({ status: 502 })
  })

  test('are opened by no client that does not trust the server', async () => {
    const [error] = (await once(open('/secure', { ca: undefined }), 'error')) as [NodeJS.ErrnoException]

    expect(error.code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  test('are closed by a sign-out, on both sides', async () => {
    const sockets = await Promise.all([opened(open('/secure')), opened(open('/local'))])
    const ends = Promise.all(sockets.map(closed))
    const atTargets = Promise.all([secure, local].map(({ sockets: [...all] }) => closed(all.at(-1) as WebSocket)))

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect((await ends).map(({ code }) => code)).toEqual([4401, 4401])
    expect((await atTargets).map(({ code }) => code)).toEqual([1001, 1001])
  })
})
