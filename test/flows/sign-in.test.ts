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

describe('a sign-in that begins again by itself', () => {
  let site: TestApp
  beforeAll(async () => {
    site = await startTestApp({ options: { loginParameters: ['prompt', 'login_hint', 'max_age'] } })
  })
  afterAll(async () => {
    await site.close()
  })

  test('asks for the same as before', async () => {
    const asked = await site
      .browser()
      .navigate(`${site.url}/login?prompt=login&login_hint=bob&max_age=60`, { redirectLimit: 0 })
    const state = new URL(asked.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const resume = new URLSearchParams({ resume: state }).toString()

    const again = await site.browser().navigate(`${site.url}/login?${resume}`, { redirectLimit: 0 })

    const { searchParams } = new URL(again.headers.get('location') ?? '')
    expect(Object.fromEntries(searchParams)).toMatchObject({ prompt: 'login', login_hint: 'bob', max_age: '60' })
  })
})

describe('a sign-in that is declined', () => {
  let site: TestApp
  beforeAll(async () => {
    site = await startTestApp()
  })
  afterAll(async () => {
    await site.close()
  })

  test('is said to be, whatever the server puts into its description', async () => {
    const browser = site.browser()
    const asked = await browser.navigate(`${site.url}/login`, { redirectLimit: 0 })
    const state = new URL(asked.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const answer = {
      state,
      iss: site.authorizationServer.issuer,
      error: 'access_denied',
      error_description: 'no\r\nTrace: 1',
    }

    const page = await browser.navigate(`${site.url}/callback?${new URLSearchParams(answer).toString()}`)

    expect(page.status).toBe(403)
    expect(page.text).toContain('ERR_AUTH_DENIED')
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
