import { afterEach, expect, test } from '@jest/globals'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { CA, SERVER } from '../support/tls-upstream.ts'
import { until } from '../support/until.ts'

let site: OpenProxy
let target: Server
const sockets = new Set<Socket>()
afterEach(async () => {
  await site.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => target.close(resolve))
})

// undici takes a connection that does not come about out of its pool, with the request that waited for it in its hands.
test('close() cuts also what waited for a connection while another one failed', async () => {
  const arrived: string[] = []
  const https = createHttpsServer(SERVER, (req, res) => {
    arrived.push(req.url ?? '')
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: begun\n\n')
  })
  let isMute = false
  let muted = 0
  target = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    if (isMute) {
      muted += 1
      isMute = false // this one says nothing, and the next one is well again
    } else https.emit('connection', socket)
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const { port } = target.address() as AddressInfo
  site = await startOpenProxy(`https://127.0.0.1:${port}`, { connections: 1, connectTimeoutMs: 300, tls: { ca: CA } })

  const first = await fetch(`${site.url}/first`)
  const second = fetch(`${site.url}/second`)
  await until(() => site.requests === 2, 'the second one waits')
  const third = fetch(`${site.url}/third`)
  await until(() => site.requests === 3, 'the third one waits')
  isMute = true
  for (const socket of sockets) socket.destroy()
  await first.text().catch(() => {})
  expect((await second).status).toBe(504)
  const stream = await third
  expect([stream.status, muted, arrived]).toEqual([200, 1, ['/first', '/third']])
  const end = stream.text().then(
    () => 'ended',
    () => 'cut',
  )

  const closed = site.auth.close()
  await until(() => {
    site.clock.advance({ seconds: 10 })
    return Promise.race([
      closed.then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50)),
    ])
  }, 'it has closed')

  expect(await Promise.race([end, new Promise((resolve) => setTimeout(() => resolve('still open'), 1_000))])).toBe(
    'cut',
  )
})
