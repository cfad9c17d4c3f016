import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// Envoy's OAuth2 filter, CVE-2022-29226: whoever brought any access token at all was let through.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes: (app, auth, upstream) => void app.use('/unguarded', auth.proxy(upstream.url)),
  })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  ['/up/x', 'Authorization: Bearer anything'],
  ['/up/x', 'authorization: bearer x'],
  ['/up/x', 'Authorization: Basic YTpi'],
  ['/up/x', 'Proxy-Authorization: Bearer anything'],
  ['/up/x', 'X-Forwarded-Access-Token: anything'],
  ['/up/x?token=anything', 'X-Other: 1'],
  ['/up/x?access_token=anything', 'X-Other: 1'],
  ['/unguarded/x', 'Authorization: Bearer anything'],
  ['/unguarded/x', 'Cookie: BearerToken=anything; OauthHMAC=x; OauthExpires=9999999999'],
])('%s with %s and without a session gets 401', async (path, header) => {
  const cookie = header.startsWith('Cookie') ? '' : '\nCookie: none'
  expect(await probe.send(`GET ${path} HTTP/1.1\n${header}${cookie}`)).toMatchObject({ status: 401, arrived: [] })
})

test('with a session it is the one of the session that arrives', async () => {
  const { arrived } = await probe.send('GET /up/x HTTP/1.1\nAuthorization: Bearer anything\nauthorization: Bearer more')

  expect(arrived[0]?.rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1)
  expect(arrived[0]?.headers.authorization).toMatch(/^Bearer (?!anything|more)/)
})
