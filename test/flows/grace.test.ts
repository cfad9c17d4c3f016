import { afterEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { latchkey, memoryGrants, type AuthEvent } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET, startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

const GRACE_MS = 30_000
const LEASE_MS = 3_000

type Rotation = 'rotating' | 'reusable' | { graceMs: number }

describe('a server that accepts a spent refresh token again', () => {
  let site: TestApp
  let other: string
  let browser: Browser

  async function start(rotation: Rotation, reuseWithinMs: number, accessTokenTtlSeconds = 60): Promise<void> {
    const clock = new TestClock()
    const store = new session.MemoryStore()
    const grants = memoryGrants({ now: () => clock.now() })
    site = await startTestApp({
      clock,
      reuseWithinMs,
      accessTokenTtlSeconds,
      provider: { rotation },
      options: {
        session: { store },
        grants,
        refresh: { deadlineMs: 2_000, leaseMs: LEASE_MS, waitMs: 1_000 },
      },
    })
    other = await site.another()
    browser = await site.signedIn()
  }
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const orders = (url = site.url): Promise<Answer> => browser.get(`${url}/api/orders`)
  const results = (): unknown[] =>
    site.events
      .filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh')
      .map(({ result, inDoubt }) => [result, inDoubt])

  describe.each<[string, Rotation, number]>([
    ['for a while', { graceMs: GRACE_MS }, GRACE_MS],
    ['always', 'reusable', Infinity],
  ])('%s', (_how, rotation, reuseWithinMs) => {
    test('an answer that was lost is asked for again as soon as the lease ends, and the session is kept', async () => {
      await start(rotation, reuseWithinMs)
      site.clock.advance({ seconds: 61 })
      site.authorizationServer.dropNextTokenAnswer()
      expect((await orders()).status).toBe(503)

      site.clock.advance({ ms: LEASE_MS })

      expect((await orders()).status).toBe(200)
      expect(results()).toEqual([
        ['unavailable', false],
        ['ok', true],
      ])
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('a holder that says nothing is waited for until its lease ends, and no longer', async () => {
      await start(rotation, reuseWithinMs)
      site.clock.advance({ seconds: 61 })
      const release = site.authorizationServer.holdTokenEndpoint()
      const silent = orders(other)
      await until(() => refreshes().length === 1, 'the token request')

      expect((await orders()).status).toBe(503)
      expect(refreshes()).toHaveLength(1)
      site.clock.advance({ ms: LEASE_MS })
      const next = orders()
      await until(() => refreshes().length === 2, 'the second token request')
      release()

      expect((await next).status).toBe(200)
      await silent
      await until(() => results().length === 2, 'both answers')
      expect((await orders()).status).toBe(200)
      expect((await orders(other)).status).toBe(200)
      expect(refreshes()).toHaveLength(2)
      expect(site.authorizationServer.reuseAlarms).toBe(0)
    })

    test('doubt is not ridden out: the token that is still good is replaced in time', async () => {
      await start(rotation, reuseWithinMs, 600)
      site.clock.advance({ seconds: 560 })
      site.authorizationServer.dropNextTokenAnswer()
      expect((await orders()).status).toBe(200)
      await until(() => results().length === 1, 'the answer that was lost')

      site.clock.advance({ ms: LEASE_MS })
      expect((await orders()).status).toBe(200)
      await until(() => results().length === 2, 'the next refresh')

      expect(results().at(-1)).toEqual(['ok', true])
    })
  })

  test('where it is not said, doubt is ridden out for as long as the old token is good', async () => {
    await start('rotating', 0, 600)
    site.clock.advance({ seconds: 560 })
    site.authorizationServer.dropNextTokenAnswer()
    expect((await orders()).status).toBe(200)
    await until(() => results().length === 1, 'the answer that was lost')

    site.clock.advance({ seconds: 1 })
    expect((await orders()).status).toBe(200)
    site.clock.advance({ seconds: 1 })
    expect((await orders()).status).toBe(200)

    expect(refreshes()).toHaveLength(1)
  })
})

describe('a lease and a grace period that contradict each other', () => {
  const build = (graceMs: number, leaseMs?: number): unknown =>
    latchkey({
      baseUrl: 'http://127.0.0.1:3000',
      provider: oidc({ issuer: 'https://issuer.example', clientId: 'c', rotation: { graceMs } }),
      secret: SECRET,
      ...(leaseMs !== undefined && { refresh: { deadlineMs: 1_000, leaseMs } }),
    })

  test.each([
    [10_000, undefined], // the default lease is 12 seconds
    [12_000, undefined],
    [3_000, 3_000],
    [2_999, 3_000],
  ])('a grace of %d ms with a lease of %s is refused at construction', (graceMs, leaseMs) => {
    expect(() => build(graceMs, leaseMs)).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTIONS', message: expect.stringContaining('refresh.leaseMs') }),
    )
  })

  test.each([
    [12_001, undefined],
    [3_001, 3_000],
  ])('a grace of %d ms with a lease of %s is accepted', (graceMs, leaseMs) => {
    expect(() => build(graceMs, leaseMs)).not.toThrow()
  })
})
