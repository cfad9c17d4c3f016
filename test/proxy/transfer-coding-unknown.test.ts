import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'

let target: Server
let site: OpenProxy
beforeAll(async () => {
  target = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      const body = gzipSync('fine')
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: gzip, chunked\r\n\r\n')
      socket.end(Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]))
    })
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  site = await startOpenProxy(`http://127.0.0.1:${(target.address() as AddressInfo).port}`)
})
afterAll(async () => {
  await site.close()
  await new Promise((resolve) => target.close(resolve))
})

// RFC 9112 §6.1, §7: what is still coded is not the content. The client is not told of the coding, for Transfer-Encoding goes no further.
test('an answer in a transfer coding that is not taken off is not passed on as if it were', async () => {
  const answer = await fetch(site.url)

  expect([200, 502]).toContain(answer.status)
  if (answer.status === 200) expect(await answer.text()).toBe('fine')
})
