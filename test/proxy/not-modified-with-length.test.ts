import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'

/** A server may say how long the body would have been (RFC 9110 §8.6). */
const NOT_MODIFIED = 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 20\r\n\r\n'

describe('a 304 that says how long the body would be', () => {
  let target: Server
  let site: OpenProxy
  const sockets: Socket[] = []
  beforeAll(async () => {
    target = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {}).on('data', () => socket.write(NOT_MODIFIED))
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    site = await startOpenProxy(`http://127.0.0.1:${(target.address() as AddressInfo).port}`)
  })
  afterAll(async () => {
    await site.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => target.close(resolve))
  })

  test('is all of the answer: the next one on the same connection does not wait', async () => {
    let came = ''
    const client = connect((site.server.address() as AddressInfo).port, '127.0.0.1')
    client.on('data', (chunk: Buffer) => (came += chunk.toString('latin1')))
    await once(client, 'connect')
    const ask = 'GET /up/x HTTP/1.1\r\nHost: app\r\nIf-None-Match: "1"\r\n\r\n'
    client.write(ask)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const first = came.split('HTTP/1.1 304').length - 1
    client.write(ask)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    client.destroy()

    expect([first, came.split('HTTP/1.1 304').length - 1]).toEqual([1, 2])
  })
})
