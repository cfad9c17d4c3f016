import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import type { Request, Response } from 'express'
import { gzipSync } from 'node:zlib'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { EXPIRED, INVALID, OWN_WORDS } from '../support/refusals.ts'
import { echo, readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

describe('req.auth.fetch() to an API that says "expired" in its own words (400 with a code)', () => {
  let handler: (req: Request, res: Response) => Promise<void>
  let site: TestApp
  let upstream: Upstream
  let alice: Browser
  let refreshesBefore = 0
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startTestApp({
      routes: (app) => void app.all('/try', async (req, res) => handler(req, res)),
      adapt: { expiredTokenAnswers: OWN_WORDS },
    })
  })
  beforeEach(async () => {
    alice = await site.signedIn()
    upstream.requests.length = 0
    refreshesBefore = site.authorizationServer.tokenRequests('refresh_token').length
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  const refreshes = (): number => site.authorizationServer.tokenRequests('refresh_token').length - refreshesBefore

  /** The answer as the handler gets it, read there. */
  async function fetched(path: string, init?: RequestInit): Promise<unknown> {
    handler = async (req, res) => {
      const answer = await req.auth.fetch(upstream.url + path, init)
      const wasUnread = !answer.bodyUsed
      res.json({ status: answer.status, wasUnread, url: answer.url, text: await answer.text() })
    }
    return (await alice.get(`${site.url}/try`)).json()
  }

  function refuseFirstToken(refuse: (res: ServerResponse) => void): void {
    let refused: string | undefined
    upstream.answer((req, res) => {
      refused ??= req.headers.authorization
      if (req.headers.authorization !== refused) return echo(req, res)
      void readBytes(req).then(() => refuse(res))
    })
  }

  test.each<[string, (res: ServerResponse) => void]>([
    ['as it is', (res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED)],
    ['in gzip', (res) => void res.writeHead(400, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(gzipSync(EXPIRED))],
  ])('has the token replaced, and repeats the request once: %s', async (_how, refuse) => {
    refuseFirstToken(refuse)

    const answer = await fetched('/x', { method: 'POST', body: 'text' })

    expect(answer).toMatchObject({ status: 200, text: JSON.stringify({ method: 'POST', url: '/x', body: 'text' }) })
    expect(upstream.requests).toHaveLength(2)
    expect(refreshes()).toBe(1)
  })

  test.each<[string, number, Readonly<Record<string, string>>, string]>([
    ['another code', 400, JSON_TYPE, INVALID],
    ['the code in HTML', 400, { 'content-type': 'text/html' }, EXPIRED],
    ['the code with another status', 403, JSON_TYPE, EXPIRED],
    ['the code with 200', 200, JSON_TYPE, EXPIRED],
    ['429', 429, { ...JSON_TYPE, 'retry-after': '12' }, '{"error":"rate"}'],
    ['a long body of unknown length', 400, JSON_TYPE, `{"error_code":400003,"list":"${'x'.repeat(300_000)}"}`],
    ['no body', 400, JSON_TYPE, ''],
  ])('returns anything else unread, whole and without a refresh: %s', async (_what, status, headers, text) => {
    upstream.answer((_req, res) => (res.writeHead(status, headers).write(text), void res.end()))

    expect(await fetched('/x')).toEqual({ status, wasUnread: true, url: `${upstream.url}/x`, text })
    expect(upstream.requests).toHaveLength(1)
    expect(refreshes()).toBe(0)
  })

  test('returns the second refusal as it came', async () => {
    upstream.answer((_req, res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED))

    expect(await fetched('/x')).toMatchObject({ status: 400, wasUnread: true, text: EXPIRED })
    expect(upstream.requests).toHaveLength(2)
  })

  test('throws that it is to be tried later while no other token is to be had', async () => {
    upstream.answer((_req, res) => void res.writeHead(400, JSON_TYPE).end(EXPIRED))
    site.authorizationServer.failTokenEndpoint({ status: 503 })

    const answer = await fetched('/x')
    site.authorizationServer.failTokenEndpoint(undefined)

    expect(answer).toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE', status: 503 })
    expect(upstream.requests).toHaveLength(1)
  })
})
