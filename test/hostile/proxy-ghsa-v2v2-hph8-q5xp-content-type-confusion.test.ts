import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'
import { echo } from '../support/upstream.ts'

// @fastify/reply-from, CVE-2023-51701: a body was parsed and written anew, in another way than the target would have read it.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe()
  probe.upstream.answer(echo)
})
afterAll(async () => {
  await probe.close()
})

const BODY = '"{\\"method\\":\\"invalid_method\\"}"'

test.each([
  'application/json',
  'application/json ; charset=utf-8',
  'application/json;charset=utf-7',
  ' application/JSON',
  'application/json, text/plain',
  'multipart/form-data; boundary=x',
])('a body of %s arrives byte for byte, under the same type', async (type) => {
  const { bytes, arrived } = await probe.send(
    `POST /up/x HTTP/1.1\nContent-Type: ${type}\nContent-Length: ${BODY.length}`,
    BODY,
  )

  expect(JSON.parse(bytes.slice(bytes.indexOf('\r\n\r\n') + 4))).toMatchObject({ body: BODY })
  expect(arrived[0]?.headers['content-type']).toBe(type.trim())
})
