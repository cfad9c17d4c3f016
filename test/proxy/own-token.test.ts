import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'

const ORDERS = 'https://orders.example/'
const STOCK = 'https://stock.example/'

describe('a proxy to an API that wants a token of its own (RFC 8707)', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      resources: [ORDERS, STOCK],
      provider: { resources: [ORDERS, STOCK] },
      proxy: { resource: ORDERS },
      routes(app, auth, upstream) {
        app.use('/stock', auth.requireAuth(), auth.proxy(upstream.url, { resource: STOCK }))
        app.use('/less', auth.requireAuth(), auth.proxy(upstream.url, { scope: 'openid' }))
        app.use('/plain', auth.requireAuth(), auth.proxy(upstream.url))
        app.get('/unknown', auth.requireAuth(), async (req, res) => {
          res.json(await req.auth.accessToken({ resource: 'https://other.example' }))
        })
        app.use(auth.errorHandler)
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  async function tokenAt(path: string): Promise<string> {
    expect((await browser.get(`${site.url}${path}/x`)).status).toBe(200)
    return site.upstream.requests.at(-1)?.headers.authorization?.slice('Bearer '.length) ?? ''
  }

  async function find(token: string): Promise<{ aud: unknown; scope: unknown }> {
    const { aud, scope } = (await site.authorizationServer.provider.AccessToken.find(token)) ?? {}
    return { aud, scope }
  }

  test('gets one made for it, and each other API another', async () => {
    const [orders, stock, plain] = [await tokenAt('/up'), await tokenAt('/stock'), await tokenAt('/plain')]

    expect(new Set([orders, stock, plain]).size).toBe(3)
    expect((await find(orders)).aud).toBe(ORDERS)
    expect((await find(stock)).aud).toBe(STOCK)
    expect(await tokenAt('/up')).toBe(orders)
  })

  test('gets one for part of the scope', async () => {
    expect((await find(await tokenAt('/less'))).scope).toBe('openid')
  })

  test('that refuses it gets another one made for it', async () => {
    const refused = await tokenAt('/up')
    site.upstream.answer((req, res) => {
      res.writeHead(req.headers.authorization === `Bearer ${refused}` ? 401 : 200).end()
    })
    site.clock.advance({ seconds: 5 })

    const token = await tokenAt('/up')

    expect(token).not.toBe(refused)
    expect((await find(token)).aud).toBe(ORDERS)
  })

  test('is refused at construction where no provider knows such an API', () => {
    const options = { resource: 'https://other.example' }
    const some = /"resource" is not in the "resources" of any provider/
    expect(() => site.auth.proxy('https://api.example', options)).toThrow(some)
    expect(() => site.auth.proxy('https://api.example', { ...options, provider: 'main' })).toThrow(/of main/)
  })

  test('is told of an unknown provider with all else that is wrong', () => {
    expect(() => site.auth.proxy('nonsense', { resource: ORDERS, provider: 'typo' })).toThrow(
      /^proxy\(\): "target" must .*; "provider" is not configured; there are main$/,
    )
  })

  test('is a mistake of the application where a handler asks for a token for one that is not known', async () => {
    expect((await browser.get(`${site.url}/unknown`)).status).toBe(500)
    expect(site.events.at(-1)).toMatchObject({ type: 'error', code: 'ERR_AUTH_OPTIONS' })
  })

  test.each(['orders', '/orders', 'https://orders.example/#part'])(
    '"resource" %j is refused at construction',
    (resource) => {
      expect(() => site.auth.proxy('https://api.example', { resource })).toThrow(/"resource" must be an absolute URI/)
    },
  )
})
