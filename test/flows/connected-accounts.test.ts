import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express from 'express'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { oidc, type Provider } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, SECRET } from '../support/app.ts'
import { startTestAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.ts'
import { Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { signIn } from '../support/sign-in.ts'

const KEYS = ['work', 'partner'] as const
type Key = (typeof KEYS)[number]

describe('two real authorization servers, one user', () => {
  let http: Server
  let url: string
  let auth: Latchkey
  let clock: TestClock
  const servers = {} as Record<Key, TestAuthorizationServer>
  beforeAll(async () => {
    let handler: RequestListener = (_req, res) => void res.writeHead(503).end()
    http = createServer((req, res) => handler(req, res))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    for (const key of KEYS) {
      servers[key] = await startTestAuthorizationServer({
        accessTokenTtlSeconds: 60,
        // Cookies know no ports: with one host for both, each would take the other's for its own.
        issuerHost: key === 'work' ? '127.0.0.1' : 'localhost',
        clients: [{ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, redirectUris: [`${url}/callback/${key}`], postLogoutRedirectUris: [`${url}/`] }], // prettier-ignore
      })
    }
    clock = new TestClock()
    const provider = (key: Key): Provider =>
      oidc({ issuer: servers[key].issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, scope: 'openid profile email' }) // prettier-ignore
    const providers = { work: provider('work'), partner: provider('partner') }
    auth = latchkey({ baseUrl: url, secret: SECRET, providers, signInWith: ['work'] }, clock)
    const app = express()
    app.use(auth)
    app.get('/', (_req, res) => void res.send('home'))
    app.get('/both', auth.requireAuth({ provider: 'partner' }), (req, res) => {
      res.json([req.auth.user?.sub, req.auth.provider('partner').user?.sub])
    })
    app.get('/token/:key', auth.requireAuth(), async (req, res) => {
      res.send(await req.auth.provider(String(req.params['key'])).accessToken())
    })
    app.get('/userinfo/:key', auth.requireAuth(), async (req, res) => {
      res.json(await req.auth.provider(String(req.params['key'])).userInfo())
    })
    app.use(auth.errorHandler)
    handler = app as RequestListener
  })
  afterAll(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
    await auth.close()
    await Promise.all(KEYS.map((key) => servers[key].close()))
  })

  /** Alice here, bob there. */
  async function connected(): Promise<Browser> {
    const browser = new Browser()
    await signIn(browser, `${url}/login?returnTo=/`)
    const page = await signIn(browser, `${url}/both`, { login: 'bob', password: 'builder' })
    expect(page.json()).toEqual(['alice', 'bob'])
    return browser
  }

  const isGood = async (key: Key, token: string): Promise<boolean> =>
    (await fetch(`${servers[key].issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).status === 200

  test('both refresh, each at its own server, however many ask at once', async () => {
    const browser = await connected()
    clock.advance({ seconds: 61 })

    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => browser.get(`${url}/token/${KEYS[index % 2]}`)),
    )

    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(2)
    for (const key of KEYS) {
      expect(servers[key].tokenRequests('refresh_token')).toHaveLength(1)
      expect(servers[key].reuseAlarms).toBe(0)
    }
    expect((await browser.get(`${url}/userinfo/work`)).json()).toMatchObject({ sub: 'alice' })
    expect((await browser.get(`${url}/userinfo/partner`)).json()).toMatchObject({ sub: 'bob' })
  })

  test('sign-out revokes at both, and leads to the sign-out of the one that signed in', async () => {
    const browser = await connected()
    const tokens = { work: '', partner: '' }
    for (const key of KEYS) {
      tokens[key] = (await browser.get(`${url}/token/${key}`)).text
      expect(await isGood(key, tokens[key])).toBe(true)
    }

    const page = await browser.navigate(`${url}/logout`, { method: 'POST', from: url, redirectLimit: 0 })

    expect(page.headers.get('location')).toContain(servers.work.issuer)
    for (const key of KEYS) expect(await isGood(key, tokens[key])).toBe(false)
    expect((await browser.get(`${url}/both`)).status).toBe(401)
  })
})
