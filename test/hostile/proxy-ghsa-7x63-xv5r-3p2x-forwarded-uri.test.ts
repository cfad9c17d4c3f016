import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// oauth2-proxy, CVE-2026-40575: `X-Forwarded-Uri` decided which path was looked up in the list, and another one was forwarded.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes: (app, auth, upstream) => void app.use('/listed', auth.proxy(upstream.url, { allow: { paths: ['/open'] } })),
  })
})
afterAll(async () => {
  await probe.close()
})

const NAMES = [
  'X-Forwarded-Uri',
  'X-Forwarded-Path',
  'X-Forwarded-Prefix',
  'X-Forwarded-Method',
  'X-Original-URL',
  'X-Original-Uri',
  'X-Rewrite-URL',
  'X_Forwarded_Uri',
  'x-original_url',
]

test.each(NAMES)('%s changes neither what is allowed nor what the target sees', async (name) => {
  expect(await probe.send(`GET /listed/secret HTTP/1.1\n${name}: /listed/open`)).toMatchObject({
    status: 404,
    arrived: [],
  })
  expect(await probe.send(`GET /up/secret HTTP/1.1\nCookie: none\n${name}: /`)).toMatchObject({
    status: 401,
    arrived: [],
  })
  const { arrived } = await probe.send(`GET /listed/open HTTP/1.1\n${name}: /secret`)
  expect(arrived[0]?.url).toBe('/open')
  expect(arrived[0]?.headers).not.toHaveProperty(name.toLowerCase())
})

test('not even where the server in front is trusted', async () => {
  probe.app.set('trust proxy', true)
  for (const name of NAMES)
    expect(await probe.send(`GET /listed/secret HTTP/1.1\n${name}: /listed/open`)).toMatchObject({
      status: 404,
      arrived: [],
    })
})
