import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// fastify-http-proxy, CVE-2021-21322: the same where the proxy rewrites a prefix of its own into the target's.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes(app, auth, upstream) {
      const rewrite = (path: string): string => path.replace(/^\/v1/, '/pub')
      app.use('/outside', auth.proxy(`${upstream.url}/inside`, { rewrite }))
      app.use('/', auth.proxy(`${upstream.url}/pub`))
    },
  })
})
afterAll(async () => {
  await probe.close()
})

test.each(['/api/../priv', '/api/v1/../../priv', '/api/%2e%2e/priv', '/api/../../etc/passwd', '/api/x/..;/..;/priv'])(
  '%s does not leave it',
  async (path) => {
    expect(await probe.send(`GET ${path} HTTP/1.1`)).toMatchObject({ status: 400, arrived: [] })
  },
)

test('what stays below it arrives there', async () => {
  const { arrived } = await probe.send('GET /outside/v1/x HTTP/1.1')

  expect(arrived.map(({ url }) => url)).toEqual(['/inside/pub/x'])
})
