import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express from 'express'
import { AuthError, latchkey, type ProxyOptions } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SECRET } from '../support/app.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { echo } from '../support/upstream.ts'

describe('mounting the proxy in the wrong place', () => {
  let site: ProxiedApp
  beforeAll(async () => {
    site = await startProxiedApp({
      routes(app, auth, upstream) {
        app.use('/parsed', express.json(), express.raw(), auth.requireAuth(), auth.proxy(upstream.url))
        app.use('/unguarded', auth.proxy(upstream.url))
      },
    })
    site.upstream.answer(echo)
  })
  afterAll(async () => {
    await site.close()
  })

  test('behind a body parser is an error that names the remedy', async () => {
    const browser = await site.signedIn()

    const answer = await browser.post(`${site.url}/parsed/x`, { some: 'json' })

    expect(answer.status).toBe(500)
    expect(answer.json()).toMatchObject({ status: 500, code: 'ERR_AUTH_SETUP' })
    const told = site.events.findLast(({ type }) => type === 'error')
    expect(told).toMatchObject({ code: 'ERR_AUTH_SETUP' })
    expect((told as { error: Error }).error.message).toMatch(/mount body parsers after auth\.proxy\(\)/)
    expect(site.upstream.requests).toHaveLength(0)
  })

  test('behind a body parser does no harm to what that did not read', async () => {
    const browser = await site.signedIn()

    expect((await browser.get(`${site.url}/parsed/x`)).json()).toMatchObject({ method: 'GET', body: '' })
    const options = { method: 'POST', body: 'plain text', headers: { 'content-type': 'text/plain' } }
    expect((await browser.fetch(`${site.url}/parsed/x`, options)).json()).toMatchObject({ body: 'plain text' })
  })

  test('without a guard in front of it: 401 that says where to sign in', async () => {
    const before = site.upstream.requests.length

    const answer = await site.browser().get(`${site.url}/unguarded/x`)

    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REQUIRED', loginUrl: `${site.url}/login` })
    expect(answer.headers.get('www-authenticate')).toContain(`login_uri="${site.url}/login"`)
    expect(site.upstream.requests).toHaveLength(before)
  })

  test('without a guard it still serves who is signed in', async () => {
    const browser = await site.signedIn()

    expect((await browser.get(`${site.url}/unguarded/x`)).json()).toMatchObject({ url: '/x' })
  })

  test('signed out, with a guard: a page goes to the sign-in, a script gets 401', async () => {
    const browser = site.browser()

    expect((await browser.get(`${site.proxied}/x`)).status).toBe(401)
    const page = await browser.navigate(`${site.proxied}/x?y`, { redirectLimit: 0 })
    expect(page.headers.get('location')).toBe('/login?returnTo=%2Fup%2Fx%3Fy')
  })
})

describe('making a proxy with what cannot work', () => {
  const auth = latchkey({
    baseUrl: 'https://app.example',
    provider: oidc({ issuer: 'https://id.example', clientId: 'c' }),
    secret: SECRET,
  })

  function complaint(target: unknown, options: unknown = {}): string {
    try {
      auth.proxy(target as string, options as ProxyOptions)
    } catch (error) {
      if (error instanceof AuthError && error.code === 'ERR_AUTH_OPTIONS') return error.message
      throw error
    }
    return 'none'
  }

  test.each([
    undefined,
    null,
    7,
    '',
    'api.example',
    '/path',
    'ftp://api.example',
    'http://api.example',
    'http://10.0.0.1',
    'http://localhost.evil.example',
    'https://user:pass@api.example',
    'https://api.example/?q=1',
    'https://api.example/#f',
  ])('the target %p', (target) => {
    expect(complaint(target)).toMatch(/^proxy\(\): "target" must/)
  })

  test.each([
    'https://api.example',
    'https://api.example/v1',
    'http://127.0.0.1:3000',
    'http://localhost:3000',
    'http://[::1]:3000',
    new URL('https://api.example'),
  ])('but the target %p is fine', (target) => {
    expect(complaint(target)).toBe('none')
  })

  test('http: to another machine only by a name that says what it is', () => {
    expect(complaint('http://api.example', { dangerouslyAllowHttp: true })).toBe('none')
  })

  test('every wrong option is named at once, without its value', () => {
    const message = complaint('https://api.example', {
      forwardCookies: 'hush-hush',
      maxReplayBytes: -1,
      connectTimeoutMs: '100',
      headersTimeoutMs: 0,
      idleTimeoutMs: Number.NaN,
      dangerouslyAllowHttp: 'hush-hush',
      timeoutMs: 5,
      forwardCookie: [],
    })

    for (const name of [
      'forwardCookies',
      'maxReplayBytes',
      'connectTimeoutMs',
      'headersTimeoutMs',
      'idleTimeoutMs',
      'dangerouslyAllowHttp',
      'timeoutMs',
    ])
      expect(message).toContain(`"${name}"`)
    expect(message).toContain('"forwardCookie" is unknown; did you mean "forwardCookies"?')
    expect(message).not.toContain('hush')
  })

  test('a wrong target and a wrong option are named at once', () => {
    const message = complaint('http://api.example', { maxReplayBytes: -1 })

    expect(message).toContain('"target"')
    expect(message).toContain('"maxReplayBytes"')
  })
})
