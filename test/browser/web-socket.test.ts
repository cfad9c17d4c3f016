import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'

import { launchChromium, signInAsAlice } from '../support/chromium.ts'
import { startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

jest.setTimeout(60_000)

// What only a real browser decides: which Origin, cookies and Fetch Metadata go with a web socket.

let chromium: Browser
let site: WebSocketSite
let context: BrowserContext
let page: Page
beforeAll(async () => {
  ;[chromium, site] = await Promise.all([launchChromium(), startWebSocketSite({ issuerHost: 'localhost' })])
  context = await chromium.newContext()
  page = await context.newPage()
  await page.goto(`${site.url}/me`)
  await signInAsAlice(page, new RegExp(`^${site.url}/me$`))
})
afterAll(async () => {
  await chromium.close()
  await site.close()
})

/** Opens a web socket in a page, says something and closes it. @returns what came back, or how it was closed. */
async function say(where: Page, text: string): Promise<string> {
  return where.evaluate(
    ({ url, words }) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(url)
        socket.addEventListener('open', () => socket.send(words))
        socket.addEventListener('message', ({ data }) => {
          resolve(String(data))
          socket.close()
        })
        socket.addEventListener('close', ({ code }) => resolve(`closed with ${code}`))
      }),
    { url: `${site.url.replace('http:', 'ws:')}/live`, words: text },
  )
}

test('a page opens a web socket through the proxy, with the token of whoever has signed in', async () => {
  expect(await say(page, 'hello from a page')).toBe('hello from a page')
  expect(site.upstream.upgrades.at(-1)?.headers.authorization).toMatch(/^Bearer .{20,}$/)
})

test('a page of another origin does not, though the browser sends the cookie along', async () => {
  const foreign = await context.newPage()
  await foreign.goto(`${site.upstream.url}/`)
  const cookies: unknown[] = []
  site.server.prependListener('upgrade', ({ headers }) => cookies.push(headers.cookie))
  const before = site.upstream.upgrades.length

  expect(await say(foreign, 'hello from elsewhere')).toBe('closed with 1006')

  expect(cookies).toEqual([expect.stringContaining('latchkey=')])
  expect(site.upstream.upgrades).toHaveLength(before)
})

test('the page learns by code 4401 that the user has signed out', async () => {
  const code = await page.evaluate(
    (url) =>
      new Promise<number>((resolve, reject) => {
        const socket = new WebSocket(url)
        socket.addEventListener('close', (event) => resolve(event.code))
        socket.addEventListener('open', () => {
          fetch('/logout', { method: 'POST', redirect: 'manual' }).catch(reject)
        })
      }),
    `${site.url.replace('http:', 'ws:')}/live`,
  )

  expect(code).toBe(4401)
  expect(await say(page, 'hello again')).toBe('closed with 1006')
})
