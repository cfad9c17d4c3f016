import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { echo } from '../support/upstream.ts'

describe('a request that was there when the application began to close', () => {
  let site: ProxiedApp
  let browser: Browser
  let neighbour: Browser
  let isBodyRead: boolean
  beforeEach(async () => {
    isBodyRead = false
    site = await startProxiedApp({
      routes(app) {
        app.use('/up', (req, _res, next) => {
          req.once('resume', () => void (isBodyRead = true))
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
    expect(isClosed()).toBe(false)
    goOn()
    await closed

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
})
