import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// @fastify/reply-from and @fastify/http-proxy, CVE-2026-33805: headers that the proxy adds went missing where the client's `Connection` named them.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({ proxy: { identityHeaders: { 'x-user-id': 'sub' } } })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  'close, authorization, x-user-id, x-user-assertion',
  'close, Authorization, X-User-Id, X-FORWARDED-FOR, x-forwarded-host, x-forwarded-proto, forwarded, host',
  'close,authorization ,\tx-user-id',
  'authorization, close\nConnection: x-user-id',
  'close, content-length, transfer-encoding',
])('Connection: %s takes nothing away', async (connection) => {
  const { status, arrived } = await probe.send(`GET /up/x HTTP/1.1\nConnection: ${connection}`)

  expect(status).toBe(200)
  expect(arrived[0]?.headers).toMatchObject({
    authorization: expect.stringMatching(/^Bearer ./) as unknown,
    'x-user-id': expect.stringMatching(/./) as unknown,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': new URL(probe.url).host,
    'x-forwarded-proto': 'http',
    forwarded: expect.stringContaining('for=127.0.0.1') as unknown,
    host: new URL(probe.upstream.url).host,
  })
})
