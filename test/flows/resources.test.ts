import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import session from 'express-session'
import { memoryGrants, type AuthEvent, type GrantStore } from '../../lib/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Answer, Browser } from '../support/browser.ts'
import { TestClock } from '../support/clock.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

const ORDERS = 'https://orders.example/'
const STOCK = 'https://stock.example/'
const LEASE_MS = 3_000

describe('access tokens for several resources on one refresh token (RFC 8707)', () => {
  let site: TestApp
  let grants: GrantStore
  let way: UnreliableStore
  let other: string
  let browser: Browser

  async function start(reuseWithinMs = 0): Promise<void> {
    const clock = new TestClock()
    const store = new session.MemoryStore()
    grants = memoryGrants({ now: () => clock.now() })
    const ways: UnreliableStore[] = []
    site = await startTestApp({
      clock,
      resources: [ORDERS, STOCK],
      reuseWithinMs,
      provider: { resources: [ORDERS, STOCK] },
      options: () => {
        ways.push(unreliable(grants))
        return {
          session: { store },
          grants: (ways.at(-1) as UnreliableStore).store,
          refresh: { deadlineMs: 2_000, leaseMs: LEASE_MS, waitMs: 2_500 },
        }
      },
      routes: (app) =>
        app.get('/token', async (req, res) => {
          const { resource, scope } = req.query as { resource?: string; scope?: string }
          res.send(await req.auth.accessToken({ resource, scope }))
        }),
    })
    other = await site.another()
    way = ways[0] as UnreliableStore
    browser = await site.signedIn()
  }

  beforeEach(() => start())
  afterEach(async () => {
    await browser.close()
    await site.close()
  })

  const refreshes = (): readonly unknown[] => site.authorizationServer.tokenRequests('refresh_token')
  const ask = (resource?: string, url = site.url): Promise<Answer> =>
    browser.get(`${url}/token${resource === undefined ? '' : `?${new URLSearchParams({ resource }).toString()}`}`)
  const token = async (resource?: string, url = site.url): Promise<string> => {
    const answer = await ask(resource, url)
    expect(answer.status).toBe(200)
    return answer.text
  }
  /** What the server made it for. */
  const audience = async (accessToken: string): Promise<unknown> => {
    const found = await site.authorizationServer.provider.AccessToken.find(accessToken)
    return found === undefined ? 'not a token' : found.aud
  }
  const results = (): string[] =>
    site.events
      .filter((event): event is AuthEvent & { type: 'refresh' } => event.type === 'refresh')
      .map(({ result }) => result)

  test('each has its own, and keeps it', async () => {
    const tokens = [await token(), await token(ORDERS), await token(STOCK)]

    expect(await Promise.all(tokens.map(audience))).toEqual([undefined, ORDERS, STOCK])
    expect([await token(), await token(ORDERS), await token(STOCK)]).toEqual(tokens)
    expect(refreshes()).toHaveLength(2)
  })

  test('asked for at once, in two processes, they are made one after the other, each with the newest refresh token', async () => {
    site.clock.advance({ seconds: 61 })
    const wanted = [undefined, ORDERS, STOCK]
    const asked = Array.from({ length: 60 }, (_, n) => [wanted[n % 3], n % 2 === 0 ? site.url : other] as const)

    const tokens = await Promise.all(asked.map(([resource, url]) => token(resource, url)))

    expect(await Promise.all(tokens.map(audience))).toEqual(asked.map(([resource]) => resource))
    expect(new Set(tokens).size).toBe(3)
    expect(refreshes()).toHaveLength(3)
    expect(site.authorizationServer.refreshesRefused).toEqual([])
    expect(results()).toEqual(['ok', 'ok', 'ok'])
  })

  test('each expires, and is refreshed, on its own', async () => {
    const own = await token()
    site.clock.advance({ seconds: 30 })
    const orders = await token(ORDERS)

    site.clock.advance({ seconds: 31 })

    expect(await token(ORDERS)).toBe(orders)
    expect(await token()).not.toBe(own)
    expect(await token(ORDERS)).toBe(orders)
    expect(refreshes()).toHaveLength(2)
  })

  test('what one process got is known to the other', async () => {
    const orders = await token(ORDERS)

    expect(await token(ORDERS, other)).toBe(orders)
    expect(refreshes()).toHaveLength(1)
  })

  test('part of the scope has a token of its own', async () => {
    const part = (await browser.get(`${site.url}/token?scope=profile+openid`)).text

    const found = await site.authorizationServer.provider.AccessToken.find(part)
    expect(found?.scope?.split(' ').toSorted()).toEqual(['openid', 'profile'])
    expect((await browser.get(`${site.url}/token?scope=openid%20profile`)).text).toBe(part)
    expect(await token()).not.toBe(part)
  })

  test('a resource that was not announced is a mistake of the application, and costs nobody the refresh token', async () => {
    expect((await ask('https://elsewhere.example/')).status).toBe(500)

    expect(refreshes()).toHaveLength(0)
    expect(await audience(await token(ORDERS))).toBe(ORDERS)
  })

  test('one that is no URI is refused here', async () => {
    expect((await ask('orders')).status).toBe(500)
    expect(refreshes()).toHaveLength(0)
  })

  test('a token for one resource is never handed out for another, not even to who lost the race to store', async () => {
    await browser.close()
    await site.close()
    await start(Infinity) // a server that never calls a refresh token spent
    way.hang('commit')
    const late = ask(ORDERS)
    await until(() => way.calls('commit') === 1, 'the commit on its way')
    await overtake()
    way.back()

    // It has lost, so it asks again: with the refresh token that it has lost to.
    expect(await audience((await late).text)).toBe(ORDERS)
    expect(results()).toEqual(['adopted', 'ok'])
    expect(await token(STOCK)).toBe('for the stock')
  })

  /** Another process stores a token for `STOCK`, as it may when this one is late by two leases. */
  async function overtake(): Promise<void> {
    const [id = ''] = await grants.find({ provider: 'main', subject: 'alice' })
    const found = await grants.read(id)
    if (found.kind !== 'live') throw new Error('the grant is gone')
    const { state } = found
    const stock = { accessToken: 'for the stock', tokenType: 'Bearer', expiresAt: site.clock.now() + 60_000 }
    const tokens = { ...state.tokens, perResource: { [JSON.stringify([STOCK])]: stock } }
    await grants.commit(id, { generation: state.generation, tokens, verified: true })
  }
})
