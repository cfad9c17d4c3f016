import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Request, Response } from 'express'
import fc from 'fast-check'
import { Cookie } from 'tough-cookie'
import { Gate } from '../../lib/proxy/gate/gate.ts'
import {
  requestHeaderRules,
  requestHeaders,
  responseHeaders,
  type AnswerRules,
} from '../../lib/proxy/headers/headers.ts'
import { readProxyOptions } from '../../lib/proxy/proxy-options.ts'
import { readTarget } from '../../lib/proxy/target.ts'
import { startProxyProbe, type ProxyProbe } from '../support/proxy-probe.ts'
import { readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

// 100,000 runs of all properties together; a failure prints its seed and the smallest example.
const RUNS = { paths: 60_000, requestHeaders: 20_000, responseHeaders: 15_000, crossSite: 5_000, overSockets: 300 }

const OURS = new URL('https://app.example')
const TARGET = readTarget('https://api.example/v1')
const settings = readProxyOptions(
  'https://api.example/v1',
  {
    forwardCookies: ['theme', 'lang', 'latchkey', '__Host-latchkey'],
    identityHeaders: { 'x-user-id': 'sub' },
    allowOrigins: ['https://friend.example'],
  },
  { keys: ['main'], mayKnow: () => false },
)

// --- what an attacker writes

const pieces = (...given: string[]): fc.Arbitrary<string> => fc.constantFrom(...given)
const anyByte = fc.integer({ min: 1, max: 255 }).map((byte) => String.fromCharCode(byte))
const escape = fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
const pathPiece = fc.oneof(
  {
    weight: 4,
    arbitrary: pieces('/', '/', 'a', 'admin', 'v1', '.', '..', '/../', '/./', '~', '-', 'A', ':', '@', '*'),
  },
  {
    weight: 3,
    arbitrary: pieces(
      '%2e',
      '%2E',
      '%2f',
      '%2F',
      '%5c',
      '%5C',
      '%25',
      '%252e',
      '%252f',
      '%61',
      '%3b',
      '%3f',
      '%23',
      '%00',
      '%0d%0a',
      '%20',
    ),
  },
  {
    weight: 2,
    arbitrary: pieces(
      '\\',
      ';',
      ';x=1',
      '//',
      '?',
      '#',
      '%',
      '%2',
      '%c0%ae',
      '%c0%af',
      '%c1%9c',
      '%e0%80%ae',
      '%ef%bc%8f',
      '%ef%bc%8e',
      '%u002e',
      '%e2%80%a5',
    ),
  },
  { weight: 2, arbitrary: escape },
  { weight: 1, arbitrary: pieces('http://evil.example', '//evil.example', '@evil.example', ':1', 'é', '\u3002') },
  { weight: 1, arbitrary: anyByte },
)
const hostilePath = fc
  .tuple(fc.constantFrom('/', '/', '/', '/', ''), fc.array(pathPiece, { maxLength: 8 }))
  .map(([start, rest]) => start + rest.join(''))

const OWN_NAMES = [
  'authorization', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-user', 'x-real-ip', 'x-user-id', 'host', 'cookie2',
  'proxy-authorization', 'transfer-encoding', 'te', 'upgrade', 'keep-alive', 'trailer', 'proxy', 'client-cert', 'remote-user', 'expect', 'http2-settings',
] // prettier-ignore
const respelt = (name: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(name, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), pieces('-', '_', '.', '~'))
    .map(([word, capitals, dash]) =>
      Array.from(word, (letter, at) =>
        letter === '-' ? dash : capitals[at] === true ? letter.toUpperCase() : letter,
      ).join(''),
    )
const token = fc.string({ unit: pieces(...Array.from('abcxyzABC019-_.~!')), minLength: 1, maxLength: 12 })
const headerName = fc.oneof(
  respelt(fc.constantFrom(...OWN_NAMES)),
  token,
  pieces('accept', 'x-a', 'content-type', 'user-agent', 'x-user-idx', 'xx-user-id'),
)
const headerValue = fc.oneof(
  pieces('mallory', 'Bearer mallory', 'for=mallory', ''),
  fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 12,
  }),
)
const cookieName = pieces(
  'latchkey',
  'Latchkey',
  '__Host-latchkey',
  '__host-latchkey',
  '__Secure-latchkey',
  '"latchkey"',
  ' latchkey',
  'latchkey ',
  '\tlatchkey',
  'theme',
  'lang',
  'other',
  '',
  'sid',
  '__Host-sid',
)
const cookiePair = fc
  .tuple(cookieName, pieces('=', '=', '==', ''), pieces('secret', 'dark', '', '"x"', 'latchkey=secret'))
  .map((parts) => parts.join(''))
const cookieHeader = fc
  .tuple(fc.array(cookiePair, { maxLength: 6 }), pieces(';', '; ', ' ;  ', ';;'))
  .map(([pairs, separator]) => pairs.join(separator))
const connection = fc
  .array(fc.oneof(pieces('keep-alive', 'close', 'x-a', 'cookie'), headerName), { maxLength: 3 })
  .map((names) => names.join(', '))
const headerPair = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(headerName, headerValue) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      respelt(fc.constant('connection')).map((name) => name.replaceAll(/[^a-z]/gi, '')),
      connection,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(respelt(fc.constant('cookie')), cookieHeader) },
)
const headerList = fc.array(headerPair, { maxLength: 10 })

// --- how others read it

/** Percent-encoding undone as the careless do: any byte, UTF-8 longer than need be. */
function carelesslyDecoded(path: string): string {
  const bytes = Array.from(
    path.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    (char) => char.charCodeAt(0),
  )
  let text = ''
  for (let at = 0; at < bytes.length; at += 1) {
    const [first = 0, second = 0, third = 0] = bytes.slice(at, at + 3)
    if (first >= 0xc0 && first < 0xe0 && second >= 0x80 && second < 0xc0) {
      text += String.fromCharCode(((first & 0x1f) << 6) | (second & 0x3f))
      at += 1
    } else if (first >= 0xe0 && first < 0xf0 && second >= 0x80 && second < 0xc0 && third >= 0x80 && third < 0xc0) {
      text += String.fromCharCode(((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f))
      at += 2
    } else text += String.fromCharCode(first)
  }
  return text
}

const READINGS: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll('\\', '/'), // WHATWG URL, Windows
  (path) => path.replaceAll(/;[^/]*/g, ''), // Java
  (path) => path.replaceAll(/\/{2,}/g, '/'), // nginx
  (path) => path.replace(/\0[^]*/, ''), // C
  (path) => path.replace(/[?#][^]*/, ''), // split after decoding
]

/** What servers could make of a path: decoded up to three times, each of the readings applied or not. */
function allReadings(path: string): Set<string> {
  const found = new Set<string>([path])
  for (let round = 0; round < 3; round += 1) {
    const before = Array.from(found)
    for (const one of before) {
      const decoded = carelesslyDecoded(one)
      found.add(decoded)
      found.add(READINGS.reduce((text, read) => read(text), decoded))
      for (const read of READINGS) found.add(read(decoded))
    }
  }
  return found
}

function withoutDots(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return kept.join('/')
}

function expectUnderPrefix(atTarget: string): void {
  const [path = ''] = atTarget.split('?', 1)
  const segments = path.split('/')
  expect(new URL(atTarget, TARGET.origin).host).toBe(new URL(TARGET.origin).host)
  for (const reading of allReadings(path)) {
    for (const text of [reading, reading.normalize('NFKC')]) {
      const resolved = withoutDots(text)
      expect(`${resolved}/`).toMatch(/^\/v1\//)
      // Nobody reads other segments in it than the guard did,
      expect([text, resolved.split('/').length]).toEqual([text, segments.length])
    }
    // and a plain one only where it stands plainly. Letters are as they are: wide ones are no spelling of narrow ones here.
    const plain = reading.split('/').map((segment, at) => (/^[\w.~-]+$/.test(segment) ? segment : segments[at]))
    expect(segments).toEqual(plain)
  }
}

/** As CGI, WSGI and PHP make variables of them. */
const variable = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z\d]/g, '_')

function joined(raw: readonly string[], name: string, separator: string): string | undefined {
  const values = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name)
  return values.length === 0 ? undefined : values.join(separator)
}

/** A request as Node hands it over. */
function requestOf(raw: readonly string[], url = '/x', method = 'GET'): Request {
  const one = (name: string): string | undefined => joined(raw, name, ', ')
  const headers = {
    connection: one('connection'), cookie: joined(raw, 'cookie', '; '), 'x-forwarded-for': one('x-forwarded-for'), origin: one('origin'),
    'sec-fetch-site': one('sec-fetch-site'), 'x-requested-with': one('x-requested-with'), accept: one('accept'), referer: one('referer'),
    'transfer-encoding': undefined, 'content-length': undefined,
  } // prettier-ignore
  const get = (name: string): string | undefined => headers[name as 'origin']
  return { url, method, rawHeaders: raw, headers, get, httpVersionMajor: 1, httpVersionMinor: 1, socket: { remoteAddress: '192.0.2.7' }, ips: [], baseUrl: '/api' } as unknown as Request // prettier-ignore
}

const res = { vary: () => res, setHeader: () => res } as unknown as Response

function admitted(gate: Gate, req: Request): string | undefined {
  try {
    return gate.admit(req, res)
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^ERR_AUTH_(?:REQUEST|CROSS_SITE)$/.test(String(error.code)))
      return undefined
    throw error
  }
}

const pairsOf = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))

describe('whatever is sent', () => {
  test('the path at the target stays under its prefix, however it is read, or is refused', () => {
    const gate = new Gate(settings, OURS, () => false)
    let letThrough = 0
    fc.assert(
      fc.property(hostilePath, (url) => {
        const below = admitted(gate, requestOf([], url))
        if (below === undefined) return
        letThrough += 1
        expect(below).toBe(url)
        expectUnderPrefix(TARGET.prefix + below)
      }),
      { numRuns: RUNS.paths },
    )
    expect(letThrough).toBeGreaterThan(RUNS.paths / 20)
  })

  test('no header of the caller arrives in a spelling of ours, and no cookie of ours leaves; all else arrives as it is', () => {
    const rules = requestHeaderRules(settings, OURS)
    const own = new Set([...OWN_NAMES, 'cookie'].map(variable))
    fc.assert(
      fc.property(headerList, (list) => {
        const raw = list.flat()
        const sent = pairsOf(requestHeaders(requestOf(raw), rules, ['sid']))
        const ours = sent.filter(([name]) => own.has(variable(name)))

        expect(ours.filter(([name]) => name !== 'cookie')).toEqual([
          ['forwarded', 'for=192.0.2.7;host="app.example";proto=https'],
          ['x-forwarded-for', '192.0.2.7'],
          ['x-forwarded-host', 'app.example'],
          ['x-forwarded-proto', 'https'],
        ])
        for (const [name, value] of ours) {
          if (name !== 'cookie') continue
          for (const pair of value.split(';')) expect(['theme', 'lang']).toContain(pair.split('=', 1)[0]?.trim())
        }
        const named = new Set((joined(raw, 'connection', ',') ?? '').split(',').map((name) => variable(name.trim())))
        const expected = list
          .filter(
            ([name]) =>
              !own.has(variable(name)) &&
              !named.has(variable(name)) &&
              !/^(?:CONNECTION|PROXY_.*|X_FORWARDED_.*)$/.test(variable(name)),
          )
          .map(([name, value]) => [name.toLowerCase(), value])
        expect(sent.filter(([name]) => !own.has(variable(name)))).toEqual(expected)
      }),
      { numRuns: RUNS.requestHeaders },
    )
  })

  test('no cookie of ours is set by the target, in whatever way browsers read it', () => {
    const rules: AnswerRules = {
      sessionCookies: ['__Host-sid'],
      route: { path: '/x', mount: '/api', publicOrigin: OURS.origin },
      hasOtherOrigins: false,
      isForOneUser: true,
      ownNames: new Set<string>(),
    }
    const setCookie = fc
      .tuple(pieces('', '=', ' = ', '==', '\t'), cookiePair, pieces('', '; Path=/', ';Domain=example', '; Secure'))
      .map((parts) => parts.join(''))
    const pair = fc.oneof(headerPair, fc.tuple(respelt(fc.constant('set-cookie')), setCookie))
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 8 }), (list) => {
        const raw = list.flat().map((text) => Buffer.from(text, 'latin1'))
        const received = pairsOf(responseHeaders(raw, rules, TARGET))

        for (const [name, value] of received) {
          expect([
            'connection',
            'keep-alive',
            'transfer-encoding',
            'te',
            'upgrade',
            'trailer',
            'authorization',
            'access-control-allow-origin',
          ]).not.toContain(name)
          if (name !== 'set-cookie') continue
          const kept = Cookie.parse(value, { loose: true })?.cookieString() ?? ''
          const sentBack =
            kept
              .replace(/^=/, '')
              .split('=', 1)[0]
              ?.trim()
              .replaceAll('"', '')
              .toLowerCase()
              .replace(/^__(?:host|secure)-/, '') ?? ''
          expect(['latchkey', 'sid']).not.toContain(sentBack)
        }
        const values = new Set(list.map(([, value]) => value))
        expect(received.filter(([name, value]) => !name.endsWith('location') && !values.has(value))).toEqual([])
      }),
      { numRuns: RUNS.responseHeaders },
    )
  })

  test('nothing that a page of another site can send changes anything', () => {
    const gate = new Gate(settings, OURS, () => false)
    const origin = pieces(
      'https://evil.example',
      'null',
      'https://app.example.evil.example',
      'http://app.example',
      'https://app.example:8443',
      'https://friend.example.evil.example',
      'https://xfriend.example',
    )
    // Browsers of today send both; older ones Origin alone. Headers that need no preflight are the page's choice.
    const site = fc.option(pieces('cross-site', 'same-site'), { nil: undefined })
    const method = pieces('POST', 'POST', 'PUT', 'DELETE', 'PATCH')
    fc.assert(
      fc.property(
        origin,
        site,
        method,
        fc.array(
          fc.tuple(pieces('accept', 'accept-language', 'content-language', 'content-type', 'range'), headerValue),
        ),
        (from, where, how, more) => {
          const raw = ['Origin', from, ...(where === undefined ? [] : ['Sec-Fetch-Site', where]), ...more.flat()]
          expect(admitted(gate, requestOf(raw, '/x', how))).toBeUndefined()
        },
      ),
      { numRuns: RUNS.crossSite },
    )
  })
})

describe('over real connections', () => {
  let probe: ProxyProbe
  let elsewhere: Upstream
  const bodies: Buffer[] = []
  beforeAll(async () => {
    elsewhere = await startUpstream()
    probe = await startProxyProbe({
      targetPath: '/v1',
      proxy: { forwardCookies: ['theme', 'lang', 'latchkey'], identityHeaders: { 'x-user-id': 'sub' } },
    })
    probe.upstream.answer((req, answer) => {
      void readBytes(req).then((body) => {
        bodies.push(body)
        answer.end('fine')
      })
    })
  })
  afterAll(async () => {
    await probe.close()
    await elsewhere.close()
  })

  test('the token goes to the target only, no cookie of ours leaves, no byte of a body is changed', async () => {
    const session = /latchkey=([^;]+)/.exec(probe.user.cookieHeader(probe.url))?.[1] ?? 'missing'
    const other = elsewhere.url.slice('http:'.length)
    const address = fc.oneof(
      { weight: 6, arbitrary: hostilePath.map((path) => `/up${path}`) },
      { weight: 1, arbitrary: hostilePath.map((path) => `${elsewhere.url}/up${path}`) },
      { weight: 1, arbitrary: hostilePath.map((path) => `${other}${path}`) },
    )
    const sendable = headerList.map((list) =>
      list.filter(
        ([name]) => !/^(?:connection|transfer.encoding|content.length|upgrade|expect|host|cookie|trailer)$/i.test(name),
      ),
    )
    const host = fc.constantFrom('app', new URL(elsewhere.url).host)
    let arrivals = 0
    await fc.assert(
      fc.asyncProperty(
        address,
        sendable,
        host,
        fc.uint8Array({ maxLength: 200 }),
        connection,
        async (url, list, hostName, bytes, named) => {
          const body = Buffer.from(bytes)
          const cookie = `${probe.user.cookieHeader(probe.url)}; theme=dark; __Host-latchkey=x`
          const head = [
          `POST ${url.replaceAll(/[\0\r\n ]/g, '')} HTTP/1.1`, `Host: ${hostName}`, `Cookie: ${cookie}`, `Connection: close, ${named}`, `Content-Length: ${body.length}`,
          ...list.map(([name, value]) => `${name}: ${value}`),
        ] // prettier-ignore
          bodies.length = 0
          const answer = await probe.send(head.join('\n'), body.toString('latin1'))

          expect(elsewhere.connections).toBe(0)
          expect(answer.bytes).not.toContain(session)
          for (const request of answer.arrived) {
            arrivals += 1
            const { authorization = '', cookie: shown = '' } = request.headers
            expect(request.rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1)
            expect(authorization).toMatch(/^Bearer (?!mallory)[\w-]{20,}$/)
            expect(answer.bytes).not.toContain(authorization.slice('Bearer '.length))
            expect(shown === '' || shown === 'theme=dark').toBe(true)
            expect(JSON.stringify(request.rawHeaders)).not.toContain(session)
            expectUnderPrefix(request.url)
          }
          expect(answer.arrived.length === 0 || Buffer.concat(bodies).equals(body)).toBe(true)
          expect(answer.arrived.length).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: RUNS.overSockets },
    )
    expect(arrivals).toBeGreaterThan(RUNS.overSockets / 20)
  })
})
