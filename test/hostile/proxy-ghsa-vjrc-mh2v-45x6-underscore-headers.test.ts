import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'

// oauth2-proxy, CVE-2025-64484: `X_Forwarded_User` went through, and servers that hand on headers as variables took it for `X-Forwarded-User`.
let probe: ProxyProbe
beforeAll(async () => {
  probe = await startProxyProbe({
    proxy: { identityHeaders: { 'x-user-id': 'sub' }, assertion: { key: new Uint8Array(32) } },
  })
})
afterAll(async () => {
  await probe.close()
})

const NAMES = [
  'X-User-Id',
  'X-Forwarded-For',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Real-Ip',
  'Remote-User',
  'X-User-Assertion',
] as const

test.each(NAMES)('no spelling of %s is taken from the caller', async (name) => {
  const lower = name.toLowerCase()
  const spellings = [
    name,
    lower,
    name.replaceAll('-', '_'),
    lower.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.replaceAll('-', '.'),
    name.replaceAll('-', '~'),
    name.toUpperCase(),
  ]
  const { status, arrived } = await probe.send(
    `GET /up/x HTTP/1.1\n${spellings.map((spelling) => `${spelling}: mallory`).join('\n')}`,
  )

  expect(status).toBe(200)
  expect(JSON.stringify(arrived)).not.toContain('mallory')
  // As WSGI, CGI and PHP name them.
  const variables =
    arrived[0]?.rawHeaders.filter((_, at) => at % 2 === 0).map((sent) => sent.toUpperCase().replaceAll(/\W/g, '_')) ??
    []
  expect(new Set(variables).size).toBe(variables.length)
})
