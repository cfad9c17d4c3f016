import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { AuthEvent } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { until } from '../support/until.ts'

describe('an answer was lost while the old access token was still good', () => {
  let site: TestApp
  let browser: Browser

  beforeEach(async () => {
    site = await startTestApp({
      accessTokenTtlSeconds: 600,
      reuseWithinMs: Infinity, // which the application does not know
      options: { refresh: { deadlineMs: 2_000, leaseMs: 3_000, waitMs: 60_000 } },
    })
    browser = await site.signedIn()
    site.clock.advance({ seconds: 560 })
    site.authorizationServer.dropNextTokenAnswer()
    await orders()
    await until(() => results().length === 1, 'the lost answer')
    site.clock.advance({ seconds: 1 })
    await orders() // and a refresh in the background rides the doubt out
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const orders = (): Promise<Answer> => browser.get(`${site.url}/api/orders`)
  const results = (): unknown[] =>
    site.events
      .filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh')
      .map(({ result, inDoubt }) => [result, inDoubt])

  test('it is used, the refresh token is not presented again, and nobody is told of an error', async () => {
    expect((await orders()).status).toBe(200)

    expect(refreshes()).toHaveLength(1)
    expect(site.events.filter(({ type }) => type === 'error')).toEqual([])
  })

  test('refused by the API, it is replaced at once: there is nothing left to ride out', async () => {
    site.authorizationServer.expireAccessTokens()

    const answers = await Promise.all([orders(), orders(), orders()])

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(refreshes()).toHaveLength(2)
    expect(results().at(-1)).toEqual(['ok', true])
  })

  test('when it is of no use any more it is replaced at once, whoever began to ride it out', async () => {
    site.clock.advance({ seconds: 37 })
    const begun = performance.now()

    expect((await orders()).status).toBe(200)

    expect(refreshes()).toHaveLength(2)
    expect(results().at(-1)).toEqual(['ok', true])
    expect(performance.now() - begun).toBeLessThan(10_000)
  })
})

describe('a refresh in the background', () => {
  test('that fails is told as an event, and to nobody else', async () => {
    const site = await startTestApp()
    const browser = await site.signedIn()
    site.clock.advance({ seconds: 56 })
    site.authorizationServer.failTokenEndpoint({ status: 503, headers: { 'retry-after': '7' } })

    const answer = await browser.get(`${site.url}/api/orders`)
    await until(() => site.events.some(({ type }) => type === 'refresh'), 'the refresh')

    expect(answer.status).toBe(200)
    expect(answer.headers.get('retry-after')).toBe(null)
    expect(site.events.filter(({ type }) => type === 'error')).toEqual([])
    await browser.close()
    await site.close()
  })
})
