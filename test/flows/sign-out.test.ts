import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { signIn } from '../support/sign-in.ts'

describe('signing out', () => {
  let site: TestApp
  let browser: Browser

  beforeEach(async () => {
    site = await startTestApp()
    browser = await site.signedIn()
  })
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  test('ends the session here and at the authorization server, which asks for the password again', async () => {
    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })
    const done = page.forms.length > 0 ? await browser.submitForm(page) : page

    expect(done.url.href).toBe(`${site.url}/`)
    expect(done.text).toContain('out')
    const again = await browser.navigate(`${site.url}/me`)
    expect(again.url.origin).toBe(new URL(site.authorizationServer.issuer).origin)
    expect(again.text).toContain('type="password"')
  })

  test('takes the session cookie out of the browser, and its record out of the store', async () => {
    const cookie = browser.cookieHeader(site.url)

    await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(browser.cookies(site.url).map(({ key }) => key)).not.toContain('latchkey')
    const thief = site.browser()
    const answer = await thief.get(`${site.url}/me`, { headers: { cookie } })
    expect(answer.status).toBe(401)
  })

  test('revokes the refresh token (RFC 7009) and leaves a tombstone', async () => {
    await browser.post(`${site.url}/logout`, new URLSearchParams())

    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'signed-out' }))
    expect(site.events.filter(({ type }) => type === 'revocation-failed')).toEqual([])
  })

  test('puts no token into the address at the authorization server', async () => {
    const answer = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })
    const location = new URL(answer.headers.get('location') ?? '')

    expect(location.origin).toBe(new URL(site.authorizationServer.issuer).origin)
    expect([...location.searchParams.keys()].toSorted()).toEqual(['client_id', 'post_logout_redirect_uri'])
  })

  test('needs no network: with the server down the end-user is signed out all the same', async () => {
    await site.authorizationServer.stop()

    const page = await browser.navigate(`${site.url}/logout`, { method: 'POST', from: site.url, redirectLimit: 0 })

    expect(page.status).toBe(303)
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    await site.authorizationServer.start()
  })

  test('when nobody is signed in leads home', async () => {
    const nobody = site.browser()

    const page = await nobody.navigate(`${site.url}/logout`, { method: 'POST', from: site.url })

    expect(page.url.href).toBe(`${site.url}/`)
  })

  test('tells a script where to go next, for it cannot follow the redirect', async () => {
    const answer = await browser.post(`${site.url}/logout`, new URLSearchParams(), {
      headers: { 'sec-fetch-mode': 'cors' },
    })

    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({
      location: expect.stringContaining(`${site.authorizationServer.issuer}/session/end`),
    })
  })

  test('a new sign-in of the same session ends the old grant, and only here', async () => {
    await signIn(browser, `${site.url}/login?returnTo=/me`, {})

    expect(site.events).toContainEqual(expect.objectContaining({ type: 'grant-ended', why: 'replaced' }))
    expect((await browser.get(`${site.url}/api/orders`)).status).toBe(200)
  })
})
