import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// http-proxy-middleware, CVE-2026-55602: a `Host` that contained a configured one chose the target.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe()
})
afterAll(async () => {
  await probe.close()
})

test.each([
  'app',
  'evilapp',
  'internal.example',
  '127.0.0.1:1',
  'app/listed',
  'app:80@internal.example',
  'http://internal.example',
  '',
])('Host: %s chooses nothing', async (host) => {
  const { arrived } = await probe.send(`GET /up/x HTTP/1.1\nHost: ${host}`)

  expect(arrived).toHaveLength(1)
  expect(arrived[0]?.url).toBe('/x')
  expect(arrived[0]?.headers).toMatchObject({
    host: new URL(probe.upstream.url).host,
    'x-forwarded-host': new URL(probe.url).host,
  })
})

test('two of them are refused (RFC 9112 \u00a73.2)', async () => {
  expect(await probe.send('GET /up/x HTTP/1.1\nHost: app\nHost: evil.example')).toMatchObject({
    status: 400,
    arrived: [],
  })
})
