import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestApp, type TestApp } from '../support/app.ts'
import { signIn } from '../support/sign-in.ts'

describe('signing in', () => {
  let site: TestApp
  beforeAll(async () => {
    site = await startTestApp()
  })
  afterAll(async () => {
    await site.close()
  })

  test('a guarded page leads to the authorization server and back to itself', async () => {
    const browser = site.browser()

    const page = await signIn(browser, `${site.url}/me?tab=2`, {})

    expect(page.url.href).toBe(`${site.url}/me?tab=2`)
    expect(page.json()).toMatchObject({ sub: 'alice', name: 'Alice Liddell' })
  })

  test('calls the API with the token', async () => {
    const browser = await site.signedIn()

    const answer = await browser.get(`${site.url}/api/orders`)

    expect(answer.status).toBe(200)
  })
})

describe('an authorization response by form_post, from a server on another site', () => {
  let site: TestApp
  beforeAll(async () => {
    site = await startTestApp({ issuerHost: 'localhost', provider: { responseMode: 'form_post' } })
  })
  afterAll(async () => {
    await site.close()
  })

  test('finds its session although browsers leave our cookie out of the POST', async () => {
    const browser = site.browser()

    const page = await signIn(browser, `${site.url}/me`, {})

    expect(page.url.href).toBe(`${site.url}/me`)
    expect(page.hops.some(({ method, url }) => method === 'POST' && url === `${site.url}/callback`)).toBe(true)
  })

  test('keeps the code out of every address', async () => {
    const browser = site.browser()

    const page = await signIn(browser, `${site.url}/me`, {})

    expect(page.hops.filter(({ url }) => /[?&]code=/.test(url))).toEqual([])
  })
})
