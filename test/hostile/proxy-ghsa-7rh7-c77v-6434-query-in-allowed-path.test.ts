import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// oauth2-proxy, CVE-2025-54576: patterns for paths were held against the query as well.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes: (app, auth, upstream) =>
      void app.use('/listed', auth.proxy(upstream.url, { allow: { paths: [/\/open$/] } })),
  })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  '/listed/secret?/open',
  '/listed/secret?x=/a/public/open',
  '/listed/secret/?/open',
  '/listed/secret??/open',
  '/listed/?/open',
])('%s is not what the pattern means', async (path) => {
  expect(await probe.send(`GET ${path} HTTP/1.1`)).toMatchObject({ status: 404, arrived: [] })
})

test('and a query is no hindrance', async () => {
  expect(await probe.send('GET /listed/a/open?secret HTTP/1.1')).toMatchObject({
    status: 200,
    arrived: [{ url: '/a/open?secret' }],
  })
})
