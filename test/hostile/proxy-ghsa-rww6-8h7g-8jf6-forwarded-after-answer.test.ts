import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'
import type { RequestHandler } from 'express'

const ran: string[] = []
const behind: RequestHandler = (req, _res, next) => {
  ran.push(req.originalUrl)
  next()
}

// Envoy's OAuth2 filter, CVE-2022-29228: a request that the filter had answered itself went on to the filters behind it.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes(app, auth, upstream) {
      app.use('/shared', auth.proxy(upstream.url, { allowOrigins: ['https://friend.example'] }), behind)
      app.use('/up', auth.requireAuth(), auth.proxy(upstream.url), behind)
    },
  })
})
afterAll(async () => {
  await probe.close()
})

test.each([
  ['signed out', 'GET /up/x HTTP/1.1\nCookie: none', 401],
  ['a path that is refused', 'POST /up/a//b HTTP/1.1', 400],
  ['another site', 'POST /up/x HTTP/1.1\nSec-Fetch-Site: cross-site', 403],
  ['another method', 'TRACE /up/x HTTP/1.1', 405],
  [
    'a preflight',
    'OPTIONS /shared/x HTTP/1.1\nOrigin: https://friend.example\nAccess-Control-Request-Method: PUT',
    204,
  ],
  [
    'a preflight of another origin',
    'OPTIONS /shared/x HTTP/1.1\nOrigin: https://evil.example\nAccess-Control-Request-Method: PUT',
    403,
  ],
])('%s: one answer, and nothing behind it runs', async (_what, head, status) => {
  const body = head.startsWith('POST') ? 'x'.repeat(100) : ''
  const length = body === '' ? '' : `\nContent-Length: ${body.length}`
  const answer = await probe.send(head + length, body)

  expect(answer).toMatchObject({ status, arrived: [] })
  expect(answer.bytes.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  expect(ran).toEqual([])
})
