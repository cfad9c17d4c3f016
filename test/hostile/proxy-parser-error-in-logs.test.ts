import { expect, test } from '@jest/globals'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { startTestApp } from '../support/app.ts'

test('an answer that is no HTTP does not take the token that it repeats, or what it says, into the log', async () => {
  const sockets: Socket[] = []
  let token = ''
  const target = createServer((socket) => {
    sockets.push(socket)
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        token = /^authorization: \S+ (\S+)/im.exec(chunk.toString())?.[1] ?? ''
        socket.write(`HTTP/1.1 200 OK\r\nX-Bad: \x01\r\nX-Echo: ${token}\r\n\r\npatient record`)
      })
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const site = await startTestApp({
    routes: (app, auth) =>
      void app.use('/up', auth.requireAuth(), auth.proxy(`http://127.0.0.1:${(target.address() as AddressInfo).port}`)),
  })
  try {
    const browser = await site.signedIn()
    expect((await browser.get(`${site.url}/up/x`)).status).toBe(502)
    const logged = inspect(site.events, { depth: 10 })
    expect(token.length).toBeGreaterThan(10)
    expect([logged.includes(token), logged.includes('patient record')]).toEqual([false, false])
  } finally {
    await site.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => target.close(resolve))
  }
})
