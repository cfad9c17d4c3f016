import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express from 'express'
import type { Browser } from '../support/browser.ts'
import { expectBadRequest, logoutToken, signedInWith } from '../support/logout-tokens.ts'
import { exchangeBytes } from '../support/raw-client.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

const FORM = 'application/x-www-form-urlencoded'

describe.each<[string, (app: express.Express) => unknown]>([
  ['no body parser', () => {}],
  ['parsers for everything', (app) => app.use(express.json(), express.urlencoded({ extended: true }), express.text())],
])('a request to the back-channel that brings a logout token in another way, with %s before', (_what, before) => {
  let site: ScriptedSite
  let browser: Browser
  let token: string
  beforeAll(async () => {
    site = await startScriptedSite({ before: (app) => void before(app) })
    browser = await signedInWith(site)
    token = await logoutToken(site)
  })
  afterAll(async () => {
    await site.close()
  })

  const post = (body: string, type?: string, query = ''): Promise<Response> =>
    fetch(`${site.url}/backchannel-logout${query}`, {
      method: 'POST',
      body: Buffer.from(body),
      headers: type === undefined ? {} : { 'content-type': type },
    })

  test.each<[string, () => Promise<Response>]>([
    ['as JSON', () => post(JSON.stringify({ logout_token: token }), 'application/json')],
    ['as text', () => post(`logout_token=${token}`, 'text/plain')],
    ['as a multipart form', () => post(`--x\r\n\r\n${token}\r\n--x--`, 'multipart/form-data; boundary=x')],
    ['as nothing in particular', () => post(`logout_token=${token}`)],
    ['in the query', () => post('', FORM, `?logout_token=${token}`)],
    ['under another name', () => post(`token=${token}`, FORM)],
    ['twice', () => post(`logout_token=${token}&logout_token=${token}`, FORM)],
    ['empty', () => post('logout_token=', FORM)],
    ['with nothing', () => post('', FORM)],
    ['with control characters', () => post(`logout_token=${token}%0a`, FORM)],
    ['a token that is too long', () => post(`logout_token=${token}${'x'.repeat(9_000)}`, FORM)],
  ])('%s: 400', async (_how, send) => {
    const answer = await send()

    expectBadRequest(answer)
    expect(await answer.json()).toEqual({ error: 'invalid_request', error_description: expect.any(String) })
    expect((await site.me(browser)).status).toBe(200)
  })

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('by %s: 405', async (method) => {
    const answer = await fetch(`${site.url}/backchannel-logout?logout_token=${token}`, { method })

    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('POST')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect((await site.me(browser)).status).toBe(200)
  })

  test('in a body that is too long: refused, by whoever reads it', async () => {
    const answer = await post(`logout_token=${token}&pad=${'x'.repeat(200_000)}`, FORM)

    expect([400, 413]).toContain(answer.status)
    expect((await site.me(browser)).status).toBe(200)
  })

  test('with nothing that says how long it is: 400', async () => {
    const answer = await exchangeBytes(
      site.url,
      'POST /backchannel-logout HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    )

    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('by a page of another site, in the browser that is signed in: its cookie counts for nothing', async () => {
    const answer = await browser.post(
      `${site.url}/backchannel-logout`,
      new URLSearchParams({ logout_token: 'not.a.token' }),
      { from: 'https://evil.example' },
    )

    expect(answer.status).toBe(400)
    expect(answer.setCookie).toEqual([])
    expect((await site.me(browser)).status).toBe(200)
  })

  test('the same token in the right way is still good', async () => {
    expect((await post(`logout_token=${token}`, `${FORM}; charset=UTF-8`)).status).toBe(200)
    expect((await site.me(browser)).status).toBe(401)
  })
})
