import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

describe('a sign-in that nobody navigated to', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    [
      'a script of another site',
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'cross-site' },
    ],
    ['a picture', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['a plug-in', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'object' }],
    ['a prefetch', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' }],
    [
      'a prerender',
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch;prerender' },
    ],
    [
      'a prefetch without Fetch Metadata',
      { 'sec-fetch-mode': '', 'sec-fetch-dest': '', 'sec-purpose': 'prefetch', accept: 'text/html' },
    ],
  ])('%s: no sign-in begins, no session is made', async (_what, headers) => {
    const browser = site.browser()

    const answers = [
      await browser.get(`${site.url}/login`, { headers }),
      await browser.get(`${site.url}/me`, { headers }),
    ]

    expect(answers.map(({ status }) => status)).toEqual([400, 401])
    expect(answers.map(({ headers: received }) => received.get('content-type'))).toEqual(
      Array(2).fill('application/problem+json; charset=utf-8'),
    )
    expect(answers.flatMap(({ setCookie }) => setCookie)).toEqual([])
    expect(answers[1]?.json()).toMatchObject({ code: 'ERR_AUTH_REQUIRED', loginUrl: `${site.url}/login` })
  })

  test('a hundred scripts on a guarded page do not push the sign-in under way out of the session', async () => {
    const browser = site.browser()
    const begun = await browser.navigate(`${site.url}/login?returnTo=/me`, { redirectLimit: 0 })

    await Promise.all(Array.from({ length: 100 }, () => site.me(browser)))
    const page = await browser.navigate(begun.headers.get('location') ?? '')

    expect(page.status).toBe(200)
    expect(page.url.pathname).toBe('/me')
  })
})
