import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import session, { type SessionData } from 'express-session'
import { latchkey } from '../../lib/index.ts'
import { Browser } from '../support/browser.ts'
import { startMountedApp, type MountedApp } from '../support/mounted-app.ts'
import { passInteractions, signIn } from '../support/sign-in.ts'

/** Fails as a store across a network does: when told to, and with the address in its words. */
class FailingStore extends session.MemoryStore {
  readonly calls: string[] = []
  failsOn: (operation: 'get' | 'set' | 'destroy' | 'touch', data?: SessionData) => boolean = () => false

  override get(sid: string, callback: (error: unknown, data?: SessionData | null) => void): void {
    this.calls.push('get')
    if (this.failsOn('get')) return void setImmediate(callback, new Error('connect ECONNREFUSED 10.1.2.3:6379'))
    super.get(sid, callback)
  }

  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    this.calls.push('set')
    if (this.failsOn('set', data)) return void setImmediate(callback ?? (() => {}), new Error('READONLY 10.1.2.3:6379'))
    super.set(sid, data, callback)
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.calls.push('destroy')
    if (this.failsOn('destroy')) return void setImmediate(callback ?? (() => {}), new Error('READONLY 10.1.2.3:6379'))
    super.destroy(sid, callback)
  }
}

describe('a session store that fails', () => {
  let store: FailingStore
  let site: MountedApp
  beforeEach(async () => {
    store = new FailingStore()
    site = await startMountedApp([''], ({ options, runtime }) => {
      const app = express()
      const auth = latchkey({ ...options(), session: { store } }, runtime)
      app.use(auth)
      app.get('/', (_req, res) => void res.send('home'))
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      return app
    })
  })
  afterEach(async () => {
    await site.close()
  })

  test('when it is read: 503, come again; cookie and record stay, and it recovers by itself', async () => {
    const browser = await site.signedIn('/me')
    const cookie = browser.cookieHeader(site.url)
    store.calls.length = 0
    store.failsOn = (operation) => operation === 'get'

    const answer = await browser.get(`${site.url}/me`)
    const page = await browser.navigate(`${site.url}/me`)

    for (const failed of [answer, page]) {
      expect(failed.status).toBe(503)
      expect(failed.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(failed.headers.get('cache-control')).toBe('no-store')
      expect(failed.setCookie).toEqual([])
      expect(failed.text).not.toMatch(/10\.1\.2\.3|ECONNREFUSED/)
    }
    expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
    expect(page.hops).toHaveLength(1)
    expect(store.calls).toEqual(['get', 'get'])
    expect(browser.cookieHeader(site.url)).toBe(cookie)

    store.failsOn = () => false
    expect((await browser.get(`${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })
  })

  test('that has said it is disconnected: 503 as well, not signed out', async () => {
    const browser = await site.signedIn('/me')
    store.emit('disconnect')

    expect((await browser.get(`${site.url}/me`)).status).toBe(503)

    store.emit('connect')
    expect((await browser.get(`${site.url}/me`)).status).toBe(200)
  })

  test('when a sign-in begins: 503, and nobody is sent away', async () => {
    store.failsOn = (operation) => operation === 'set'

    const page = await new Browser().navigate(`${site.url}/login`, { redirectLimit: 0 })

    expect(page.status).toBe(503)
    expect(page.headers.get('location')).toBeNull()
    expect(page.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  })

  test.each<[string, number]>([
    ['for good', Number.POSITIVE_INFINITY],
    ['once', 1],
  ])('when it should save the sign-in, %s: 503, and nobody is signed in', async (_how, times) => {
    const browser = new Browser()
    const login = await browser.navigate(`${site.url}/me`)
    let left = times
    store.failsOn = (operation, data) =>
      operation === 'set' && JSON.stringify(data).includes('"account"') && (left -= 1) >= 0

    const page = await passInteractions(browser, login)
    store.failsOn = () => false

    expect(page.status).toBe(503)
    expect(page.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect(site.events.filter(({ type }) => type === 'sign-in')).toEqual([])
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    expect((await signIn(browser, `${site.url}/me`)).json()).toMatchObject({ sub: 'alice' })
  })

  test('when it should save the sign-in: what was granted is given back', async () => {
    const browser = new Browser()
    const login = await browser.navigate(`${site.url}/me`)
    store.failsOn = (operation, data) => operation === 'set' && JSON.stringify(data).includes('"account"')

    await passInteractions(browser, login)

    expect(site.events.filter(({ type }) => type === 'grant-ended')).toHaveLength(1)
  })

  test('at sign-out: 503, and it can be tried again', async () => {
    const browser = await site.signedIn('/me')
    store.failsOn = (operation) => operation === 'destroy'

    const failed = await browser.navigate(`${site.url}/logout`, { method: 'POST', form: {}, from: site.url })
    store.failsOn = () => false
    const done = await browser.navigate(`${site.url}/logout`, {
      method: 'POST',
      form: {},
      from: site.url,
      redirectLimit: 0,
    })

    expect(failed.status).toBe(503)
    expect(done.status).toBe(303)
    expect((await browser.get(`${site.url}/me`)).status).toBe(401)
  })
})
