import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('signing somebody out from another site', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['a link of another site', { from: 'https://evil.example' }],
    ['a link of another port of this host', { from: 'http://127.0.0.1:1' }],
    ['an address that was typed', {}],
  ])('GET by %s shows a button and signs nobody out', async (_what, link) => {
    const browser = await site.signedIn()

    const page = await browser.navigate(`${site.url}/logout`, link)

    expect(page.status).toBe(200)
    expect(page.text).toContain('<form class="actions" method="post" action="/logout">')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect((await site.me(browser)).status).toBe(200)
  })

  test.each([
    ['another site', 'https://evil.example'],
    ['another port of this host', 'http://127.0.0.1:1'],
  ])('a form of %s is refused', async (_what, from) => {
    const browser = await site.signedIn()

    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', form: { a: 'b' }, from })

    expect(page.status).toBe(403)
    expect((await site.me(browser)).status).toBe(200)
  })

  test.each([
    ['Origin: another site', { origin: 'https://evil.example' }],
    ['Origin: null', { origin: 'null' }],
    ['Origin: ours with something behind it', { origin: '%s.evil.example' }],
    ['Referer: another site', { referer: 'https://evil.example/' }],
    ['Referer: another site with ours in its path', { referer: 'https://evil.example/%s' }],
    ['Referer: ours as the user name', { referer: '%s@evil.example/' }],
  ])('a browser without Fetch Metadata is told by %s', async (_what, headers) => {
    const browser = await site.signedIn()
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('%s', site.url)]),
    )

    const answer = await browser.post(`${site.url}/logout`, new URLSearchParams(), {
      headers: { 'sec-fetch-site': '', 'sec-fetch-mode': '', 'sec-fetch-dest': '', origin: '', ...filled },
    })

    expect(answer.status).toBe(403)
    expect((await site.me(browser)).status).toBe(200)
  })

  test.each([
    ['a picture', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a script', {}],
    ['a prefetch', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' }],
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
  ])('GET by %s of our own page signs nobody out: users may have put it there', async (_what, headers) => {
    const browser = await site.signedIn()

    await browser.get(`${site.url}/logout`, { headers })

    expect((await site.me(browser)).status).toBe(200)
  })

  test.each<[string, (browser: Browser, url: string) => Promise<unknown>]>([
    ['a link of ours', (browser, url) => browser.navigate(`${url}/logout`, { from: url })],
    ['a form of ours', (browser, url) => browser.navigate(`${url}/logout`, { method: 'POST', form: {}, from: url })],
    ['a script of ours', (browser, url) => browser.post(`${url}/logout`, {})],
    [
      'the button of the confirmation',
      async (browser, url) => browser.submitForm(await browser.navigate(`${url}/logout`)),
    ],
  ])('%s signs out', async (_what, logout) => {
    const browser = await site.signedIn()

    await logout(browser, site.url)

    expect((await site.me(browser)).status).toBe(401)
    expect(site.events.at(-1)).toMatchObject({ type: 'sign-out', subject: 'alice' })
  })
})
