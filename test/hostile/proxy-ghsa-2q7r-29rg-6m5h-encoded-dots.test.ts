import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// @fastify/reply-from, CVE-2025-66415: `%2E%2E` in the path led past the routes that the application had defined.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({ targetPath: '/hi' })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  '/up/ho/%2E%2E/hi',
  '/up/%2e%2e/hi',
  '/up/ho/.%2e/hi',
  '/up/ho/%2e./hi',
  '/up/ho/%2e%2e',
  '/up/ho/%252e%252e/hi',
])('%s goes nowhere', async (path) => {
  expect(await probe.send(`GET ${path} HTTP/1.1`)).toMatchObject({ status: 400, arrived: [] })
})
