import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'

describe('a proxy without a token, behind a guard', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({ proxy: { token: false } })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example' },
  ])('does nothing for a page of another site whose request the session cookie lets in: %j', async (headers) => {
    const answer = await fetch(`${site.proxied}/transfer`, {
      method: 'POST',
      headers: { ...headers, cookie: browser.cookieHeader(site.url) } as Record<string, string>,
      body: 'to=mallory',
    })

    expect([answer.status, site.upstream.requests.length]).toEqual([403, 0])
  })
})
