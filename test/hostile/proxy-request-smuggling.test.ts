import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createServer, ServerResponse, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'
import { exchangeBytes } from '../support/raw-client.ts'
import { echo } from '../support/upstream.ts'

let probe: ProxyProbe
let lenient: Server
let withUpgrades: Server
beforeAll(async () => {
  probe = await startProxyProbe({ targetPath: '/v1' })
  probe.upstream.answer(echo)
  const app = probe.app as RequestListener
  lenient = createServer({ insecureHTTPParser: true }, app)
  withUpgrades = createServer(app).on('upgrade', (req: IncomingMessage, socket: Socket) => {
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    res.assignSocket(socket)
    res.once('finish', () => socket.end())
    app(req, res)
  })
  for (const server of [lenient, withUpgrades])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  for (const server of [lenient, withUpgrades]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await probe.close()
})

const urlOf = (server: Server): string => {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

/** What the target got, and how many answers came back until the connection was closed. */
async function exchange(url: string, bytes: string): Promise<{ arrived: string[]; statuses: number[]; all: string }> {
  const before = probe.upstream.requests.length
  const all = await exchangeBytes(url, bytes)
  return {
    arrived: probe.upstream.requests.slice(before).map(({ method, url: address }) => `${method} ${address}`),
    statuses: [...all.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1])),
    all,
  }
}

const common = (): string =>
  `Host: app\r\nCookie: ${probe.user.cookieHeader(probe.url)}\r\nSec-Fetch-Site: same-origin\r\n`
const smuggled = (): string => `GET /up/smuggled HTTP/1.1\r\n${common()}Connection: close\r\n\r\n`
const post = (headers: string, body: string): string => `POST /up/x HTTP/1.1\r\n${common()}${headers}\r\n\r\n${body}`

const BAD_LENGTHS: Readonly<Record<string, string>> = {
  'CL.TE': 'Content-Length: 6\r\nTransfer-Encoding: chunked',
  'TE.CL': 'Transfer-Encoding: chunked\r\nContent-Length: 4',
  'CL.TE, hidden from us by Connection':
    'Connection: transfer-encoding\r\nContent-Length: 6\r\nTransfer-Encoding: chunked',
  'TE of a kind that nobody knows': 'Transfer-Encoding: xchunked',
  'TE in quotes': 'Transfer-Encoding: "chunked"',
  'TE twice, alike': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'TE twice, different': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'TE: chunked, identity': 'Transfer-Encoding: chunked, identity',
  'TE: identity': 'Transfer-Encoding: identity',
  'TE: gzip, chunked': 'Transfer-Encoding: gzip, chunked',
  'TE with a blank before the colon': 'Transfer-Encoding : chunked',
  'TE with a vertical tab': 'Transfer-Encoding: \u000bchunked',
  'TE with a NUL': 'Transfer-Encoding: chunked\0',
  'a header with a control character': 'Content-Length: 0\r\nX-A: a\u0001b',
  'CL twice, alike': 'Content-Length: 0\r\nContent-Length: 0',
  'CL twice, different': 'Content-Length: 0\r\nContent-Length: 5',
  'CL as a list': 'Content-Length: 0, 5',
  'CL with a sign': 'Content-Length: +0',
  'CL in hexadecimal': 'Content-Length: 0x0',
  'CL below zero': 'Content-Length: -1',
  'a header without a name': ': x\r\nContent-Length: 0',
  'a bare CR': 'X-A: a\rTransfer-Encoding: chunked',
}
const ONLY_STRICT: Readonly<Record<string, string>> = {
  'an obsolete fold': 'X-A: a\r\n b\r\nContent-Length: 0',
  'an obsolete fold in TE': 'Transfer-Encoding:\r\n chunked',
  'a bare LF': 'X-A: a\nContent-Length: 0',
}

describe('requests whose end is a matter of opinion', () => {
  test.each(Object.entries({ ...BAD_LENGTHS, ...ONLY_STRICT }))(
    '%s: refused, and nothing more is read',
    async (_what, headers) => {
      const { arrived, statuses } = await exchange(probe.url, post(headers, `0\r\n\r\n${smuggled()}`))

      expect(arrived).toEqual([])
      expect(statuses).toEqual([400])
    },
  )

  test.each(Object.entries(BAD_LENGTHS))('%s: also by a server with insecureHTTPParser', async (_what, headers) => {
    const { arrived, statuses } = await exchange(urlOf(lenient), post(headers, `0\r\n\r\n${smuggled()}`))

    expect(arrived).toEqual([])
    expect(statuses).toEqual([400])
  })

  test.each([
    ['HTTP/1.0 with TE', `POST /up/x HTTP/1.0\r\n%Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['HTTP/0.9', 'GET /up/x\r\n\r\n'],
    ['another version', 'GET /up/x HTTP/1.7\r\n%\r\n'],
    ['two hosts', 'GET /up/x HTTP/1.1\r\nHost: evil.example\r\n%\r\n'],
    ['no host', 'GET /up/x HTTP/1.1\r\nConnection: close\r\n\r\n'],
    [
      'chunk sizes with something else in them',
      'POST /up/x HTTP/1.1\r\n%Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n',
    ],
    [
      'a bare LF in a chunk extension',
      'POST /up/x HTTP/1.1\r\n%Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n',
    ],
  ])('%s is refused', async (_what, bytes) => {
    const { arrived, statuses } = await exchange(probe.url, bytes.replace('%', common()) + smuggled())

    // A body that turns out broken may have been announced to the target, which then sees it cut off.
    expect(arrived.filter((line) => line.includes('smuggled'))).toEqual([])
    expect(statuses[0] ?? 400).toBeGreaterThanOrEqual(400)
    expect(statuses.length).toBeLessThanOrEqual(1)
  })
})

describe('requests whose end is clear', () => {
  test('a body that looks like a request is a body', async () => {
    const inner = smuggled()
    for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
      const head = `${method} /up/x HTTP/1.1\r\n${common()}Connection: close\r\nContent-Length: ${inner.length}\r\n\r\n`
      const { arrived, statuses, all } = await exchange(probe.url, head + inner)

      expect(arrived).toEqual([`${method} /v1/x`])
      expect(statuses).toEqual([200])
      expect(all).toContain(JSON.stringify(inner).slice(1, -1))
    }
  })

  test('chunk extensions and trailers are for us alone', async () => {
    const body = '3;name="a b";x\r\nabc\r\n0;last\r\nX-Trailer: 1\r\nHost: evil\r\n\r\n'
    const { arrived, all } = await exchange(probe.url, post('Connection: close\r\nTransfer-Encoding: chunked', body))

    expect(arrived).toEqual(['POST /v1/x'])
    expect(all).toContain('"body":"abc"')
    expect(probe.upstream.requests.at(-1)?.headers).not.toHaveProperty('x-trailer')
    expect(probe.upstream.requests.at(-1)?.headers.host).toBe(new URL(probe.upstream.url).host)
  })

  test('what follows a refused request that was well-formed is a request of its own, with its own answer', async () => {
    const refused = `POST /up/a//b HTTP/1.1\r\n${common()}Content-Length: 3\r\n\r\nabc`
    const { arrived, statuses } = await exchange(probe.url, refused + smuggled())

    expect(statuses).toEqual([400, 200])
    expect(arrived).toEqual(['GET /v1/smuggled'])
  })

  test.each([
    'Transfer_Encoding: chunked',
    'Transfer-Encoding_: chunked',
    'transfer.encoding: chunked',
    'Content_Length: 99',
    'content.length: 99',
  ])('%s, which is no length but could be read as one, stays here', async (header) => {
    const { arrived, statuses } = await exchange(
      probe.url,
      post(`Connection: close\r\nContent-Length: 3\r\n${header}`, 'abc'),
    )

    expect([arrived, statuses]).toEqual([['POST /v1/x'], [200]])
    const names = Object.keys(probe.upstream.requests.at(-1)?.headers ?? {})
    expect(names.filter((name) => /^(?:content|transfer)[._]/.test(name))).toEqual([])
  })

  test('Connection: transfer-encoding takes the length of a body from nobody', async () => {
    const headers = 'Connection: close, transfer-encoding, content-length\r\nTransfer-Encoding: chunked'
    const { arrived, all } = await exchange(probe.url, post(headers, '3\r\nabc\r\n0\r\n\r\n'))

    expect(arrived).toEqual(['POST /v1/x'])
    expect(all).toContain('"body":"abc"')
  })
})

describe('upgrades', () => {
  const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

  test('h2c is a request like others: nothing is tunnelled, and the target is not asked', async () => {
    const { arrived, all } = await exchange(
      probe.url,
      `GET /up/x HTTP/1.1\r\n${common()}${H2C}\r\n${PREFACE}${smuggled()}`,
    )

    expect(arrived).toEqual(['GET /v1/x'])
    expect(all).not.toContain('HTTP/1.1 101')
    const { headers } = probe.upstream.requests.at(-1) ?? { headers: {} }
    expect(headers).not.toHaveProperty('upgrade')
    expect(headers).not.toHaveProperty('http2-settings')
  })

  test.each(['h2c', 'H2C', 'h2', 'websocket, h2c', 'h2c/1'])(
    'where upgrades are listened for, %s is refused',
    async (protocol) => {
      const head = `GET /up/x HTTP/1.1\r\n${common()}${H2C.replace('h2c', protocol)}\r\n`
      const { arrived, statuses } = await exchange(urlOf(withUpgrades), head + PREFACE)

      expect(arrived).toEqual([])
      expect(statuses).toEqual([400])
    },
  )

  test.each(['cross-site', 'same-site'])('a web socket of another page is refused: %s', async (site) => {
    const head = `GET /up/x HTTP/1.1\r\n${common().replace('same-origin', site)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const { arrived, statuses } = await exchange(urlOf(withUpgrades), head)

    expect(arrived).toEqual([])
    expect(statuses).toEqual([403])
  })
})
