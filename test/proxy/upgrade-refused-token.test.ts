import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { closed, message, opened, refusal, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'
import type { Browser } from '../support/browser.ts'

describe('a web socket whose token the target refuses', () => {
  let site: WebSocketSite
  let browser: Browser
  beforeEach(async () => {
    site = await startWebSocketSite()
    browser = await site.signedIn()
  })
  afterEach(async () => {
    await site.close()
  })

  const refreshes = (): number => site.authorizationServer.tokenRequests('refresh_token').length

  /** Refuses the first so many. */
  function refuse(times: number): void {
    let left = times
    site.upstream.onUpgrade((req, socket, head) => {
      if (left === 0) return site.upstream.accept(req, socket, head)
      left -= 1
      socket.end(
        'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error="invalid_token"\r\nContent-Length: 2\r\n\r\nno',
      )
    })
  }

  test('is opened with another one', async () => {
    refuse(1)

    const socket = await opened(site.open(browser))

    socket.send('hello')
    expect(await message(socket)).toBe('hello')
    expect(refreshes()).toBe(1)
    const [first, second, ...more] = site.upstream.upgrades.map(({ headers }) => headers.authorization)
    expect(first).not.toBe(second)
    expect(more).toEqual([])
    socket.close()
    await closed(socket)
  })

  test('twice: the refusal is the answer', async () => {
    refuse(2)

    const answer = await refusal(site.open(browser))

    expect(answer).toMatchObject({ status: 401, text: 'no' })
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
    expect(site.upstream.upgrades).toHaveLength(2)
    expect(refreshes()).toBe(1)
  })

  test('while no other can be had: come again', async () => {
    refuse(1)
    site.authorizationServer.failTokenEndpoint({ status: 503 })

    const answer = await refusal(site.open(browser))

    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
  })
})
