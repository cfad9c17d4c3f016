import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// oauth2-proxy, CVE-2026-41059: what stood behind a `#` made a path match a pattern, and the target cut it off.
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
  '/listed/secret#/open',
  '/listed/secret%23/open',
  '/listed/secret%2523/open',
  '/listed/a/open#',
  '/listed/secret?#/open',
  '/listed#/open',
])('%s is no path', async (path) => {
  expect(await probe.send(`GET ${path} HTTP/1.1`)).toMatchObject({ status: 400, arrived: [] })
})
