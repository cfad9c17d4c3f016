import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { until } from '../support/until.ts'

/** In the last tenth of the sixty seconds, and more than two away from the end. */
const SHORTLY_BEFORE_EXPIRY = { seconds: 56.5 }

describe.each([true, false])('shortly before expiry, where a refresh ends the access token before it: %p', (ends) => {
  let site: TestApp
  let browser: Browser

  beforeEach(async () => {
    site = await startTestApp({ provider: { refreshEndsAccessToken: ends } })
    browser = await site.signedIn()
    site.clock.advance(SHORTLY_BEFORE_EXPIRY)
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const refreshes = (): number => site.authorizationServer.tokenRequests('refresh_token').length

  test(`a request whose body cannot be sent again ${ends ? 'waits for the refresh' : 'uses what there is'}`, async () => {
    const release = site.authorizationServer.holdTokenEndpoint()
    let isAnswered = false
    // Longer than what the proxy keeps to send again.
    const call = browser.fetch(`${site.url}/api/orders`, { method: 'POST', body: Buffer.alloc(100_000) })
    const answered = call.then(() => (isAnswered = true))
    await until(() => refreshes() === 1, 'the refresh')
    if (!ends) await answered

    expect(isAnswered).toBe(!ends)
    release()
    await answered
  })

  test('any other request uses what there is', async () => {
    const release = site.authorizationServer.holdTokenEndpoint()
    const answer = await browser.get(`${site.url}/api/orders`)
    await until(() => refreshes() === 1, 'the refresh')
    release()

    expect(answer.status).toBe(200)
  })
})
