import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// Envoy's OAuth2 filter, CVE-2025-55162: cookies outlived the sign-out, and still opened the proxy.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe()
})
afterAll(async () => {
  await probe.close()
})

test('a cookie from before the sign-out opens nothing', async () => {
  expect(await probe.send('GET /up/x HTTP/1.1')).toMatchObject({ status: 200, arrived: [{ url: '/x' }] })
  const answer = await probe.send('POST /logout HTTP/1.1\nContent-Length: 0')

  expect(answer.bytes).toMatch(/^Set-Cookie: latchkey=;/im)
  expect(await probe.send('GET /up/x HTTP/1.1')).toMatchObject({ status: 401, arrived: [] })
  expect(await probe.send('POST /up/x HTTP/1.1\nContent-Length: 0')).toMatchObject({ status: 401, arrived: [] })
})
