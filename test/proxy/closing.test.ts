import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { memoryGrants } from '../../lib/index.ts'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { unreliable, type UnreliableStore } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'
import { echo } from '../support/upstream.ts'

describe('a request that was there when the application began to close', () => {
  let site: ProxiedApp
  let browser: Browser
  let neighbour: Browser
  let grants: UnreliableStore
  let isBodyRead: boolean
  let hasLeft: boolean
  beforeEach(async () => {
    grants = unreliable(memoryGrants())
    isBodyRead = false
    hasLeft = false
    site = await startProxiedApp({
      options: () => ({ grants: grants.store }),
      routes(app) {
        app.use('/up', (req, res, next) => {
          req.once('resume', () => void (isBodyRead = true))
          res.once('close', () => void (hasLeft ||= !res.writableFinished))
          next()
        })
      },
    })
    browser = await site.signedIn()
    neighbour = await site.signedIn()
  })
  afterEach(async () => {
    await site.close()
  })

  /** The target keeps the first request to `/refused`, and serves the others but for those with the same token. */
  function keepRefused(): () => ServerResponse | undefined {
    let refused: { res: ServerResponse; token: string | undefined } | undefined
    site.upstream.answer((req, res) => {
      const { authorization: token } = req.headers
      if (req.url === '/refused' && (refused === undefined || refused.token === token)) refused = { res, token }
      else res.end('served')
    })
    return () => refused?.res
  }

  /** Lets no others in, and has not ended. */
  async function close(): Promise<{ closed: Promise<void>; isClosed: () => boolean }> {
    let isClosed = false
    const closed = site.auth.close().then(() => void (isClosed = true))
    await until(async () => (await neighbour.get(`${site.proxied}/x`)).status === 502, 'no other request is let in')
    return { closed, isClosed: () => isClosed }
  }

  test('has a token that is refused replaced, and is sent once more', async () => {
    const refused = keepRefused()
    const answer = browser.get(`${site.proxied}/refused`)
    await until(() => refused() !== undefined, 'the request arrives')

    const { closed } = await close()
    refused()?.writeHead(401).end()

    expect(await answer).toMatchObject({ status: 200, text: 'served' })
    await closed
  })

  test('loses no refresh token that it asks to be used', async () => {
    const refused = keepRefused()
    const answer = browser.get(`${site.proxied}/refused`)
    await until(() => refused() !== undefined, 'the request arrives')
    const { closed, isClosed } = await close()
    const { authorizationServer } = site
    const goOn = authorizationServer.holdTokenEndpoint()
    refused()?.writeHead(401).end()
    await until(() => authorizationServer.tokenRequests('refresh_token').length === 1, 'the refresh token is sent')

    site.clock.advance({ seconds: 2 })
    await neighbour.get(`${site.proxied}/x`)
    site.clock.advance({ seconds: 5 })
    await neighbour.get(`${site.proxied}/x`)
    expect(isClosed()).toBe(false)
    goOn()
    await closed

    expect(site.events).toContainEqual(expect.objectContaining({ type: 'refresh', result: 'ok' }))
    expect(await answer).toMatchObject({ status: 502 })
    expect(authorizationServer.tokenRequests('refresh_token')).toHaveLength(1)
  })

  test('gets its answer when the rest of its body comes after that', async () => {
    site.upstream.answer(echo)
    const headers = { 'content-length': 4 }
    const sent = beginRequest(browser, `${site.proxied}/x`, { method: 'POST', headers })
    const answer = answerTo(sent)
    sent.write('ab')
    await until(() => isBodyRead, 'its body is read')

    const { closed } = await close()
    sent.end('cd')

    expect((await answer).statusCode).toBe(200)
    await closed
  })

  test('is forgotten when its client has left before its body was read', async () => {
    grants.hang('read')
    const reads = grants.calls('read')
    const sent = beginRequest(browser, `${site.proxied}/x`, { method: 'POST', headers: { 'content-length': 4 } })
    sent.write('ab')
    await until(() => grants.calls('read') > reads, 'its grant is asked for')
    sent.destroy()
    await until(() => hasLeft, 'the client has left')
    grants.back()

    // Nothing but an answer under way makes it wait.
    site.clock.sleep = () => new Promise(() => {})
    await site.auth.close()
    expect(site.upstream.requests).toEqual([])
  })
})

/** Waits for nobody. */
async function closeNow({ auth, clock }: ProxiedApp): Promise<void> {
  let isClosed = false
  void auth.close().then(() => (isClosed = true))
  await until(() => {
    clock.advance({ seconds: 1 })
    return isClosed
  }, 'it closes')
}

test('a request that has no answer by then gets one, and why is told', async () => {
  const site = await startProxiedApp()
  const browser = await site.signedIn()
  site.upstream.answer(() => {})
  const answer = browser.get(`${site.proxied}/x`)
  await until(() => site.upstream.requests.length === 1, 'the request arrives')

  await closeNow(site)

  expect(await answer).toMatchObject({ status: 502 })
  expect(site.events.filter(({ type }) => type === 'error')).toMatchObject([
    { code: 'ERR_AUTH_UPSTREAM', error: { message: 'the proxy is closed' } },
  ])
  await site.close()
})

test('an answer that does not end is cut off by closing, and that is no fault of the target', async () => {
  const site = await startProxiedApp()
  const browser = await site.signedIn()
  site.upstream.answer((_req, res) => void res.writeHead(200).write('and so on'))
  const received = receive(await answerTo(beginRequest(browser, `${site.proxied}/stream`).end()))

  await closeNow(site)

  expect(await received).toEqual({ text: 'and so on', end: 'cut' })
  expect(site.events.filter(({ type }) => type === 'error')).toEqual([])
  await site.close()
})

test('an application that has closed uses no refresh token any more', async () => {
  const site = await startProxiedApp({
    accessTokenTtlSeconds: 60,
    routes: (app, auth) =>
      app.get('/token', auth.requireAuth(), async (req, res) => void res.json(await req.auth.accessToken())),
  })
  const browser = await site.signedIn()
  await site.auth.close()
  site.clock.advance({ seconds: 61 })

  expect(await browser.get(`${site.url}/token`)).toMatchObject({ status: 503 })
  expect(site.authorizationServer.tokenRequests('refresh_token')).toEqual([])
  await site.close()
})
