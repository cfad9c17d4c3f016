import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { oidc } from '../../lib/providers/index.ts'
import {
  AuthorizationServer,
  type RefreshOutcome,
  type RefreshRequest,
} from '../../lib/protocol/authorization-server.ts'
import type { TokenFailure } from '../../lib/protocol/token-failure.ts'
import { systemRuntime } from '../../lib/runtime.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const ECHOED = 'refresh-token-that-the-server-repeats'

type TokenAnswer = (res: ServerResponse) => void

const metadata = (issuer: string): object => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/keys`,
})

const within = (patienceMs: number): RefreshRequest => ({
  subject: 'alice',
  target: {},
  patienceMs,
  maySend: () => true,
})

describe('a refresh that fails', () => {
  let server: Upstream
  let answer: TokenAnswer
  beforeAll(async () => {
    server = await startUpstream()
    server.answer((req, res) => {
      if (req.url === '/token') return answer(res)
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(metadata(server.url)))
    })
  })
  beforeEach(() => {
    answer = (res) => void res.writeHead(500).end()
  })
  afterAll(async () => {
    await server.close()
  })

  function client(timeoutMs = 2_000): AuthorizationServer {
    const provider = oidc({ issuer: server.url, clientId: 'c', clientSecret: 's' })
    return new AuthorizationServer(provider, { redirectUri: 'https://app.example/cb', timeoutMs }, systemRuntime)
  }

  async function failureOf(outcome: Promise<RefreshOutcome>): Promise<TokenFailure> {
    const settled = await outcome
    if (settled.kind !== 'failed') throw new Error('it did not fail')
    return settled.failure
  }

  const json = (status: number, body: unknown, headers: Record<string, string> = {}): TokenAnswer => {
    return (res) =>
      void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
  const says = (status: number, error: string): TokenAnswer => json(status, { error, error_description: ECHOED })

  test.each<[string, TokenAnswer, Partial<TokenFailure>]>([
    // Not good any more.
    ['400 invalid_grant', says(400, 'invalid_grant'), { kind: 'dead', unspent: false, error: 'invalid_grant' }],
    ['401 invalid_grant', says(401, 'invalid_grant'), { kind: 'dead', unspent: false }],
    ['400 invalid_token', says(400, 'invalid_token'), { kind: 'dead', unspent: false }],
    // The client, or its way of asking.
    [
      '401 invalid_client',
      says(401, 'invalid_client'),
      { kind: 'misconfigured', unspent: true, error: 'invalid_client' },
    ],
    ['400 invalid_client', says(400, 'invalid_client'), { kind: 'misconfigured', unspent: true }],
    ['400 unauthorized_client', says(400, 'unauthorized_client'), { kind: 'misconfigured', unspent: true }],
    ['400 unsupported_grant_type', says(400, 'unsupported_grant_type'), { kind: 'misconfigured', unspent: true }],
    ['400 invalid_scope', says(400, 'invalid_scope'), { kind: 'misconfigured', unspent: true }],
    ['400 invalid_request', says(400, 'invalid_request'), { kind: 'misconfigured', unspent: true }],
    ['401 without words', (res) => void res.writeHead(401).end(), { kind: 'misconfigured', unspent: true, error: undefined }], // prettier-ignore
    ['401 with a challenge', (res) => void res.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(), { kind: 'misconfigured', unspent: true }], // prettier-ignore
    // It passes.
    ['500 invalid_grant', says(500, 'invalid_grant'), { kind: 'passing', unspent: false }],
    ['500 server_error', says(500, 'server_error'), { kind: 'passing', unspent: false }],
    ['503 temporarily_unavailable', says(503, 'temporarily_unavailable'), { kind: 'passing', unspent: false }], // prettier-ignore
    ['400 temporarily_unavailable', says(400, 'temporarily_unavailable'), { kind: 'passing', unspent: false, error: 'temporarily_unavailable' }], // prettier-ignore
    ['500 invalid_client', says(500, 'invalid_client'), { kind: 'passing', unspent: false }],
    ['502 of a gateway', (res) => void res.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad</h1>'), { kind: 'passing', unspent: false }], // prettier-ignore
    ['503 without words', (res) => void res.writeHead(503).end(), { kind: 'passing', unspent: false }],
    ['429', says(429, 'slow_down'), { kind: 'passing', unspent: true }],
    ['429 of a gateway', (res) => void res.writeHead(429, { 'content-type': 'text/html' }).end('wait'), { kind: 'passing', unspent: true }], // prettier-ignore
    ['400 with a word of its own', says(400, 'quota_exceeded_for_alice'), { kind: 'passing', unspent: false, error: undefined }], // prettier-ignore
    ['400 that is HTML', (res) => void res.writeHead(400, { 'content-type': 'text/html' }).end('<h1>No</h1>'), { kind: 'passing', unspent: false }], // prettier-ignore
    ['403 without words', (res) => void res.writeHead(403).end(), { kind: 'passing', unspent: false }],
    ['200 that is HTML', (res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'), { kind: 'passing', unspent: false, answered: true }], // prettier-ignore
    ['200 that is empty', (res) => void res.writeHead(200).end(), { kind: 'passing', unspent: false, answered: true }],
    ['200 that is half JSON', (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end('{"access'), { kind: 'passing', unspent: false, answered: true }], // prettier-ignore
    ['200 without a token', json(200, { token_type: 'bearer' }), { kind: 'passing', unspent: false, answered: true }],
    ['200 that is no object', json(200, [ECHOED]), { kind: 'passing', unspent: false, answered: true }],
    ['200 that is cut off', (res) => { res.writeHead(200, { 'content-type': 'application/json', 'content-length': '99' }).write('{'); setImmediate(() => res.destroy()) }, { kind: 'passing', unspent: false, answered: false }], // prettier-ignore
    ['200 that is huge', (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(`{"a":"${'x'.repeat(2_000_000)}"}`), { kind: 'passing', unspent: false }], // prettier-ignore
    ['307 to elsewhere', (res) => void res.writeHead(307, { location: 'http://127.0.0.1:9/' }).end(), { kind: 'misconfigured', unspent: true }], // prettier-ignore
    ['404 without words', (res) => void res.writeHead(404).end(), { kind: 'misconfigured', unspent: true }],
    ['404 invalid_grant', says(404, 'invalid_grant'), { kind: 'dead', unspent: false }],
    ['a connection that is cut', (res) => void res.socket?.destroy(), { kind: 'passing', unspent: false }],
  ])('%s', async (_what, given, expected) => {
    answer = given

    const failure = await failureOf(client().refresh('refresh-token', within(2_000)))

    expect(failure).toMatchObject(expected)
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(ECHOED)
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('quota_exceeded_for_alice')
  })

  test('a server that does not answer in time: it passes, and the token may be spent', async () => {
    answer = () => {}
    const connected = client()
    await connected.ready()

    expect(await failureOf(connected.refresh('r', within(100)))).toMatchObject({ kind: 'passing', unspent: false })
  })

  test('a server that is not there: it passes, and the token is certainly unspent', async () => {
    const away = await startUpstream()
    const { url } = away
    away.answer((_req, res) => {
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(metadata(url)))
    })
    const provider = oidc({ issuer: url, clientId: 'c', clientSecret: 's' })
    const connected = new AuthorizationServer(provider, { redirectUri: 'https://app.example/cb', timeoutMs: 1_000 }, systemRuntime) // prettier-ignore
    await connected.ready()
    await away.close()

    expect(await failureOf(connected.refresh('r', within(1_000)))).toMatchObject({ kind: 'passing', unspent: true })
  })

  test('metadata that cannot be had: nothing was sent', async () => {
    const provider = oidc({ issuer: 'http://127.0.0.1:9', clientId: 'c' })
    const lost = new AuthorizationServer(provider, { redirectUri: 'https://app.example/cb', timeoutMs: 1_000 }, systemRuntime) // prettier-ignore

    expect(await failureOf(lost.refresh('r', within(1_000)))).toMatchObject({ kind: 'passing', unspent: true })
  })

  test.each<[string, number | undefined]>([
    ['120', 120_000],
    ['0', 0],
    ['1.5', 1_500],
    ['-1', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('Retry-After: %j is %p ms', async (value, expected) => {
    answer = json(503, { error: 'temporarily_unavailable' }, { 'retry-after': value })

    expect((await failureOf(client().refresh('r', within(2_000)))).retryAfterMs).toBe(expected)
  })

  test('Retry-After may be a date', async () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString()
    answer = json(503, { error: 'temporarily_unavailable' }, { 'retry-after': inAMinute })

    const { retryAfterMs } = await failureOf(client().refresh('r', within(2_000)))

    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })
})
