import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

let rewritten = ''

// @fastify/reply-from: the target's origin and a path without a slash, put together, named another server's port.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes(app, auth, upstream) {
      app.use('/elsewhere', auth.proxy(upstream.url, { rewrite: () => rewritten }))
      app.use('/prefixed', auth.proxy(`${upstream.url}/v1`))
    },
  })
})
afterAll(async () => {
  await probe.close()
})

test('a path that does not begin with a slash is put behind no origin', async () => {
  for (const path of ['1/private', '@evil.example/', '.evil.example/x', ':1/x']) {
    rewritten = path
    expect(await probe.send('GET /elsewhere/x HTTP/1.1')).toMatchObject({ status: 500, arrived: [] })
  }
})

test('two targets that read alike, put together, stay apart', async () => {
  rewritten = '/v1/x'
  expect((await probe.send('GET /elsewhere/x HTTP/1.1')).arrived[0]?.url).toBe('/v1/x')
  expect((await probe.send('GET /prefixed/x HTTP/1.1')).arrived[0]?.url).toBe('/v1/x')
  expect((await probe.send('GET /prefixed/v1/x HTTP/1.1')).arrived[0]?.url).toBe('/v1/v1/x')
})
