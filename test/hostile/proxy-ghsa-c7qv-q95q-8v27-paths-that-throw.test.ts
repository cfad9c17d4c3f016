import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// http-proxy-middleware, CVE-2024-21536: paths that its matcher choked on became unhandled rejections, and those end the process.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes(app, auth, upstream) {
      app.use(
        '/listed',
        auth.proxy(upstream.url, {
          allow: { paths: ['/x', /^\/[a-z]+$/] },
          rewrite: (path) => decodeURIComponent(path),
        }),
      )
    },
  })
})
afterAll(async () => {
  await probe.close()
})

const PATHS = [
  '//x@x',
  '/x@@x',
  '/%',
  '/%ff',
  '/[',
  '/(',
  '/\\',
  '/{a,b',
  '/*',
  '/+(a|b',
  '/!(x',
  '/$&',
  '/`',
  "/'",
  '/%00',
  '/?%',
  '/../..',
  `/${'a('.repeat(2_000)}`,
  '/\u00e9',
]

test.each(['/up', '/listed'])('no path below %s ends more than its own request', async (mount) => {
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', note)
  try {
    for (const path of PATHS) {
      const { status } = await probe.send(`GET ${mount}${path} HTTP/1.1`)
      expect([200, 400, 404]).toContain(status)
    }
  } finally {
    process.off('unhandledRejection', note)
  }
  expect(rejections).toEqual([])
  expect((await probe.send('GET /up/x HTTP/1.1')).status).toBe(200)
})
