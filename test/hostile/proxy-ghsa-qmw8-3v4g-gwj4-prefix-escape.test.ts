import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// fastify-reply-from, CVE-2021-21321: a path such as `/pub/../priv` reached what lay beside the target's prefix.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({ targetPath: '/pub' })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  '/up/../priv',
  '/up/x/../../priv',
  '/up/..',
  '/up/..\\priv',
  '/up/..%2fpriv',
  '/up//../priv',
  '/up/./../priv',
])('%s does not leave the prefix of the target', async (path) => {
  expect(await probe.send(`GET ${path} HTTP/1.1`)).toMatchObject({ status: 400, arrived: [] })
})

test('and what begins as the prefix does is not below it', async () => {
  expect((await probe.send('GET /uprising HTTP/1.1')).status).toBe(404)
})
