import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createServer, type Server, type Socket } from 'node:net'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

let target: Server
let probe: ProxyProbe
let answers: readonly string[] = []
const sockets = new Set<Socket>()
beforeAll(async () => {
  let asked = 0
  target = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = answers[asked++ % answers.length] ?? ''
      socket.write(answer, 'latin1', () => {
        if (/^connection: close/im.test(answer)) socket.end()
      })
    })
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const address = target.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  probe = await startProxyProbe({
    routes: (app, auth) =>
      void app.use('/raw', auth.proxy(`http://127.0.0.1:${port}`, { headersTimeoutMs: 2_000, idleTimeoutMs: 2_000 })),
  })
})
afterAll(async () => {
  await probe.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => target.close(resolve))
})

const OK = 'HTTP/1.1 200 OK\r\n'

test.each([
  ['a bare CR', `${OK}X-A: b\rX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['a bare LF', `${OK}X-A: b\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['a NUL', `${OK}X-A: b\0\r\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['a control character', `${OK}X-A: \u0001\r\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['an obsolete fold', `${OK}X-A: b\r\n X-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['a name with a blank', `${OK}X A: b\r\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 40\r\nX-Injected: 1\r\n\r\nok`],
  [
    'a length and chunks',
    `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\nX-Injected: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ],
  ['no status', `HTTP/1.1 OK\r\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok`],
  ['no head at all', 'X-Injected: 1\r\n\r\nok'],
])('an answer with %s is none', async (_what, answer) => {
  answers = [answer]
  const { status, bytes } = await probe.send('GET /raw/x HTTP/1.1')

  expect(status).toBe(502)
  expect(bytes.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(bytes).not.toMatch(/x-injected/i)
})

test('what stands behind an answer is not the answer to the next request', async () => {
  const injected = `${OK}X-Injected: 1\r\nContent-Length: 4\r\n\r\nevil`
  answers = [`${OK}Content-Length: 2\r\n\r\nok${injected}`, `${OK}Content-Length: 4\r\n\r\nnext`]

  for (let round = 0; round < 3; round += 1) {
    const { bytes } = await probe.send('GET /raw/x HTTP/1.1')
    expect(bytes).not.toMatch(/evil|x-injected/i)
  }
})

test('line breaks that are encoded stay encoded', async () => {
  answers = [`${OK}Location: /x%0d%0aSet-Cookie:%20latchkey=evil\r\nContent-Length: 0\r\n\r\n`]
  const { bytes } = await probe.send('GET /raw/x HTTP/1.1')

  expect(bytes).toMatch(/^location: \/raw\/x%0d%0aSet-Cookie:%20latchkey=evil\r$/im)
  expect(bytes).not.toMatch(/^set-cookie: /im)
})

test('bytes beyond ASCII pass as they are, and never as a line break', async () => {
  // U+560A and U+560D end in the bytes of LF and CR where only the lower one is kept.
  const name = Buffer.from('caf\u00e9 \u560a\u560d').toString('latin1')
  answers = [`${OK}X-A: ${name}\r\nContent-Length: 0\r\n\r\n`]
  const { bytes } = await probe.send('GET /raw/x HTTP/1.1')

  expect(bytes.toLowerCase()).toContain(`x-a: ${name}\r\n`.toLowerCase())
})
