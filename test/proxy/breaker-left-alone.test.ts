import { afterEach, describe, expect, test } from '@jest/globals'
import { request } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { until } from '../support/until.ts'

/** Longer than the longest pause. */
const A_PAUSE = { seconds: 31 }

describe('a target that is tried again after a pause', () => {
  let server: Server
  let site: OpenProxy
  const sockets: Socket[] = []
  afterEach(async () => {
    await site.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  test('is tried once more after the client of the first try has left before that failed', async () => {
    let answer = (socket: Socket): void => void socket.destroy()
    server = createServer((socket) => {
      socket.on('error', () => {})
      sockets.push(socket)
      answer(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // TLS that never comes about: no connection, as far as the breaker goes.
    site = await startOpenProxy(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
    for (let failure = 0; failure < 5; failure += 1) expect((await fetch(`${site.url}/x`)).status).toBe(502)
    expect(sockets).toHaveLength(5)

    site.clock.advance(A_PAUSE)
    answer = () => {} // the handshake hangs
    const impatient = request(`${site.url}/x`, { agent: false }).end()
    impatient.on('error', () => {})
    await until(() => sockets.length === 6, 'the probe')
    impatient.destroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    sockets[5]?.destroy() // and fails
    await new Promise((resolve) => setTimeout(resolve, 100))

    for (let tries = 0; tries < 5; tries += 1) {
      site.clock.advance(A_PAUSE)
      await fetch(`${site.url}/x`, { signal: AbortSignal.timeout(500) }).catch(() => {})
    }
    expect(sockets.length).toBeGreaterThan(6)
  })
})
