import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'
import { echo } from '../support/upstream.ts'
import express from 'express'

// http-proxy-middleware, CVE-2025-32996, CVE-2025-32997 (GHSA-9gqv-wp59-fq42) and CVE-2026-55603 (GHSA-gcq2-9pq2-cxqm): a body that a parser had
// eaten was written anew: twice, though the parser had failed, or with parts that the client had hidden in a value.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    routes(app, auth, upstream) {
      const limit = '1kb'
      app.use(
        '/parsed',
        express.json({ limit }),
        express.urlencoded({ limit }),
        express.text({ limit }),
        auth.proxy(upstream.url),
      )
    },
  })
  probe.upstream.answer(echo)
})
afterAll(async () => {
  await probe.close()
})

async function post(type: string, body: string): Promise<{ status: number; arrived: readonly unknown[] }> {
  return probe.send(`POST /parsed/x HTTP/1.1\nContent-Type: ${type}\nContent-Length: ${body.length}`, body)
}

test.each([
  ['application/json', '{"a":1}'],
  ['application/x-www-form-urlencoded', 'a=1'],
  [
    'application/x-www-form-urlencoded',
    'a=x%0d%0a--b%0d%0aContent-Disposition: form-data; name="role"%0d%0a%0d%0aadmin',
  ],
  ['text/plain', 'x'],
])('a body of %s that a parser has eaten is not made up again', async (type, body) => {
  expect(await post(type, body)).toMatchObject({ status: 500, arrived: [] })
})

test.each([
  ['application/json', '{"a":'],
  ['application/json; charset=klingon', '{}'],
  ['application/json', `"${'x'.repeat(2_000)}"`],
])('a body of %s on which a parser has failed is not forwarded', async (type, body) => {
  const { status, arrived } = await post(type, body)

  expect(status).toBeGreaterThanOrEqual(400)
  expect(arrived).toEqual([])
})

test('a body that no parser wanted arrives as it is', async () => {
  const body = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
  const head = `POST /parsed/x HTTP/1.1\nContent-Type: multipart/form-data; boundary=b\nContent-Length: ${body.length}`

  expect((await probe.send(head, body)).bytes).toContain(JSON.stringify(body))
})
