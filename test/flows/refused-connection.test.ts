import { expect, test } from '@jest/globals'
import { startTestApp } from '../support/app.ts'
import { TestClock } from '../support/clock.ts'

/** Reaches the token endpoint only after so many connections were refused. */
class RefusingNetwork extends TestClock {
  refusals = 0

  override fetch: typeof fetch = async (input, init) => {
    if (typeof input === 'string' && input.endsWith('/token') && this.refusals > 0) {
      this.refusals -= 1
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) })
    }
    return fetch(input, init)
  }
}

test.each([
  { refusals: 1, status: 200, requests: 1 },
  { refusals: 2, status: 503, requests: 0 },
])(
  'a refresh that nobody was there to receive is tried once more: refused %j',
  async ({ refusals, status, requests }) => {
    const network = new RefusingNetwork()
    const site = await startTestApp({ clock: network })
    const browser = await site.signedIn()
    network.advance({ seconds: 61 })
    network.refusals = refusals

    const answer = await browser.get(`${site.url}/api/orders`)
    const seen = site.authorizationServer.tokenRequests('refresh_token').length
    await browser.close()
    await site.close()

    expect([answer.status, seen]).toEqual([status, requests])
  },
)
