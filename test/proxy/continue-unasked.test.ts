import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let site: OpenProxy
beforeAll(async () => {
  upstream = await startUpstream()
  site = await startOpenProxy(upstream.url)
})
afterAll(async () => {
  await site.close()
  await upstream.close()
})

// RFC 9110 §15.2: a client must be able to parse 1xx answers before the final one, "even if the client does not expect one". Some servers
// send 100 before they read any body.
test('a target that says 100 Continue although nobody asked is understood', async () => {
  upstream.answer((req, res) => {
    res.writeContinue()
    req.resume().once('end', () => res.end('fine'))
  })

  const answer = await fetch(site.url, { method: 'POST', body: 'x', headers: { 'x-requested-with': 'test' } })

  expect({ status: answer.status, text: await answer.text() }).toEqual({ status: 200, text: 'fine' })
})
