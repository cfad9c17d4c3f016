import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { MemoryStore } from 'express-session'
import type { ServerResponse } from 'node:http'
import { memoryGrants, type ProxyOptions } from '../../lib/index.ts'
import type { Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive, type RawRequestOptions } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

describe.each<[string, ProxyOptions]>([
  ['with a token', {}],
  ['without a token', { token: false, identityHeaders: { 'x-user': 'sub' } }],
])('a request that waits for a connection, %s', (_which, proxy) => {
  let site: ProxiedApp
  /** Another process, with the same stores. */
  let elsewhere: string
  let neighbour: Browser
  let browser: Browser
  let came = 0
  /** Of the request that has the only connection. */
  let held: ServerResponse | undefined
  beforeAll(async () => {
    const clock = new TestClock()
    const [store, grants] = [new MemoryStore(), memoryGrants({ now: () => clock.now() })]
    site = await startProxiedApp({
      clock,
      accessTokenTtlSeconds: 60,
      options: () => ({ session: { store }, grants }),
      proxy: { connections: 1, ...proxy },
      routes: (app, auth) =>
        app.use('/up', auth.requireAuth(), (_req, _res, next) => {
          came += 1
          next()
        }),
    })
    elsewhere = await site.another()
    neighbour = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })
  beforeEach(async () => {
    browser = await site.signedIn()
    site.upstream.requests.length = 0
    held = undefined
    site.upstream.answer((req, res) => {
      if (req.url === '/hangs') held = res
      else req.resume().once('end', () => res.end('fine'))
    })
  })

  /** It waits until what is returned is called. */
  async function waits(
    options: RawRequestOptions = {},
  ): Promise<{ status: Promise<number>; turn: () => Promise<void> }> {
    const hangs = answerTo(beginRequest(neighbour, `${site.proxied}/hangs`).end())
    await until(() => held !== undefined, 'the only connection is taken')
    const before = came
    const order = beginRequest(browser, `${site.proxied}/order`, { method: 'POST', ...options })
    const status = answerTo(order.end()).then(async (answer) => {
      await receive(answer)
      return answer.statusCode ?? 0
    })
    await until(() => came === before + 1, 'the order comes')
    await new Promise((resolve) => setTimeout(resolve, 50))
    return {
      status,
      turn: async () => {
        held?.end()
        await receive(await hangs)
      },
    }
  }

  const paths = (): string[] => site.upstream.requests.map(({ url }) => url)

  // What is under way may end in good order; this has not even begun.
  test('is answered at once when its user signs out', async () => {
    const { status, turn } = await waits()

    await browser.post(`${site.url}/logout`, {})

    expect(await status).toBe(401)
    await turn()
    expect((await neighbour.get(`${site.proxied}/next`)).status).toBe(200)
    expect(paths()).toEqual(['/hangs', '/next'])
  })

  test('is not sent when its user has signed out in another process, and leaves the connection to the next one', async () => {
    const { status, turn } = await waits()
    await browser.post(`${elsewhere}/logout`, {})

    await turn()

    expect(await status).toBe(401)
    expect((await neighbour.get(`${site.proxied}/next`)).status).toBe(200)
    expect(paths()).toEqual(['/hangs', '/next'])
  })

  test('is sent as whose it is', async () => {
    const { status, turn } = await waits()

    await turn()

    expect(await status).toBe(200)
    const { authorization, 'x-user': user } = site.upstream.requests.at(-1)?.headers ?? {}
    expect([typeof authorization, user]).toEqual(proxy.token === false ? ['undefined', 'alice'] : ['string', undefined])
  })

  // It may wait for half a minute (`headersTimeoutMs`): longer than what is left of a token that was good when it came.
  test('and cannot be sent again, goes with the token that is good by then', async () => {
    await browser.get(`${site.proxied}/first`)
    const first = site.upstream.requests.at(-1)?.headers.authorization
    site.clock.advance({ seconds: 45 }) // 15 are left, and a refresh is due when there are 6
    const { status, turn } = await waits({ headers: { 'transfer-encoding': 'chunked' } })

    site.clock.advance({ seconds: 20 })
    await turn()

    expect(await status).toBe(200)
    const sent = site.upstream.requests.find(({ url }) => url === '/order')?.headers.authorization
    expect([sent === undefined, sent !== undefined && sent === first]).toEqual([proxy.token === false, false])
  })
})
