import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// oauth2-proxy, CVE-2020-5233, CVE-2020-11053 (GHSA-j7px-6hwj-hpjg) and CVE-2020-4037 (GHSA-5m6c-jp6f-2vcv): the path that was asked for without a
// session, given back after the sign-in, led to another host.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes: (app, auth, upstream) => void app.use(auth.requireAuth(), auth.proxy(upstream.url)),
  })
})
afterAll(async () => {
  await probe.close()
})

const PATHS = [
  '//evil.example',
  '/\\evil.example',
  '/\\/evil.example',
  '//evil.example/%2f..',
  '/%09/evil.example',
  '/%2f%2fevil.example',
  '/%5cevil.example',
  '/.//evil.example',
  '/x/..//evil.example',
  '/%0a/evil.example',
]

test.each(PATHS)('%s: neither sign-in nor target sends the browser away', async (path) => {
  const { bytes } = await probe.send(`GET ${path} HTTP/1.1\nCookie: none\nAccept: text/html`)
  const location = /^Location: (.*)\r$/im.exec(bytes)?.[1] ?? '/'
  expect(new URL(location, probe.url).origin).toBe(probe.url)
  const returnTo = new URL(location, probe.url).searchParams.get('returnTo') ?? '/'
  expect(new URL(returnTo, probe.url).origin).toBe(probe.url)

  probe.upstream.answer((_req, res) => void res.writeHead(302, { location: `${probe.upstream.url}${path}` }).end())
  const redirected = await probe.send('GET /x HTTP/1.1')
  expect(redirected.status).toBe(302)
  const sent = /^Location: (.*)\r$/im.exec(redirected.bytes)?.[1] ?? 'missing:'
  expect(new URL(sent, probe.url).origin).toBe(probe.url)
})
