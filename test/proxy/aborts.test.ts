import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { gone } from '../support/upstream.ts'

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

describe('when one side leaves', () => {
  const strayErrors: unknown[] = []
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp()
    site.app.use((error: unknown, _req: unknown, _res: unknown, next: (error: unknown) => void) => {
      strayErrors.push(error)
      next(error)
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  /** The next request that the target sees. */
  function nextExchange(then: (exchange: Exchange) => void = () => {}): Promise<Exchange> {
    return new Promise((resolve) => {
      site.upstream.answer((req, res) => {
        then({ req, res })
        resolve({ req, res })
      })
    })
  }

  test('a client that leaves before the answer ends the request at the target', async () => {
    const exchange = nextExchange()
    const outgoing = beginRequest(browser, `${site.proxied}/slow`).end()
    const { res } = await exchange

    outgoing.destroy()

    await gone(res)
    expect(res.writableFinished).toBe(false)
  })

  test('a client that leaves in the middle of the answer ends it at the target', async () => {
    const exchange = nextExchange(({ res }) => void res.write('begin'))
    const answer = await answerTo(beginRequest(browser, `${site.proxied}/slow`).end())
    await once(answer, 'data')
    const { res } = await exchange

    answer.destroy()

    await gone(res)
    expect(res.writableFinished).toBe(false)
  })

  test('a client that leaves while it does not read ends an answer that waits for it', async () => {
    const exchange = nextExchange(({ res }) => void res.write(Buffer.alloc(64 * 1024 * 1024)))
    const answer = await answerTo(beginRequest(browser, `${site.proxied}/dump`).end())
    await once(answer, 'readable')
    const { res } = await exchange

    answer.destroy()

    await gone(res)
    expect(res.writableFinished).toBe(false)
  })

  test.each([
    ['a long', { 'content-length': 1_000_000 }],
    ['a chunked', { 'transfer-encoding': 'chunked' }],
  ])('a client that leaves in the middle of %s upload ends it at the target', async (_kind, headers) => {
    const exchange = nextExchange()
    const outgoing = beginRequest(browser, `${site.proxied}/files`, { method: 'POST', headers })
    outgoing.write('begin')
    const { req } = await exchange

    outgoing.destroy()

    await expect(once(req.resume(), 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(req.complete).toBe(false)
  })

  test('a client that leaves in the middle of a short upload sends nothing to the target', async () => {
    const seen = site.upstream.requests.length
    site.upstream.answer((_req, res) => void res.end())
    const outgoing = beginRequest(browser, `${site.proxied}/notes`, {
      method: 'POST',
      headers: { 'content-length': 100 },
    })
    outgoing.write('begin')
    await browser.get(`${site.proxied}/before`)
    outgoing.destroy()
    await gone(outgoing)

    await browser.get(`${site.proxied}/after`)
    expect(site.upstream.requests.slice(seen).map(({ url }) => url)).toEqual(['/before', '/after'])
  })

  test.each([
    ['of known length', { 'content-length': '1000' }],
    ['in chunks', {}],
  ])('an answer %s that the target cuts off is cut off for the client', async (_kind, headers) => {
    site.upstream.answer((_req, res) => {
      res.writeHead(200, headers).write('half of it')
      setImmediate(() => res.destroy())
    })

    const told = site.events.length

    const answer = await answerTo(beginRequest(browser, `${site.proxied}/report`).end())

    expect(answer.statusCode).toBe(200)
    expect(await receive(answer)).toEqual({ text: 'half of it', end: 'cut' })
    await until(() => site.events.length > told, 'it is told of')
    expect(site.events.splice(told)).toMatchObject([{ type: 'error', code: 'ERR_AUTH_UPSTREAM' }])
  })

  test('nobody is blamed for a client that left', async () => {
    const exchange = nextExchange()
    const outgoing = beginRequest(browser, `${site.proxied}/files`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    })
    outgoing.write('begin')
    const { req } = await exchange
    outgoing.destroy()
    await expect(once(req.resume(), 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
    site.upstream.answer((_req, res) => void res.end())
    await browser.get(`${site.proxied}/after`)

    expect(strayErrors).toEqual([])
    expect(site.events.filter(({ type }) => type === 'error')).toEqual([])
  })

  test('a client that leaves while the token is refreshed does not end the refresh', async () => {
    const release = site.authorizationServer.holdTokenEndpoint()
    site.clock.advance({ seconds: 61 })
    const refreshes = site.authorizationServer.tokenRequests('refresh_token').length
    const outgoing = beginRequest(browser, `${site.proxied}/orders`).end()
    await until(() => site.authorizationServer.tokenRequests('refresh_token').length > refreshes, 'a refresh begins')
    outgoing.destroy()
    await gone(outgoing)
    release()

    site.upstream.answer((_req, res) => void res.end('fine'))
    const answer = await browser.get(`${site.proxied}/orders`)

    expect(answer.text).toBe('fine')
    expect(site.authorizationServer.tokenRequests('refresh_token')).toHaveLength(refreshes + 1)
    expect(site.events.filter(({ type }) => type === 'error')).toEqual([])
  })
})
