import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from '../support/browser.ts'
import { opened, refusal, startWebSocketSite, type WebSocketSite } from '../support/web-socket-site.ts'

const FRIEND = 'https://friend.example'

describe('cross-site WebSocket hijacking', () => {
  let site: WebSocketSite
  let browser: Browser
  beforeAll(async () => {
    site = await startWebSocketSite({
      routes(app, auth, upstream) {
        app.use('/shared', auth.proxy(upstream.url, { allowOrigins: [FRIEND] }))
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['another site', { origin: 'https://evil.example' }],
    ['another port of this host', { origin: 'http://127.0.0.1:1' }],
    ['a subdomain', { origin: 'http://evil.127.0.0.1' }],
    ['this host over https', { origin: 'https://127.0.0.1' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a page that hides where it is', { origin: '' }],
    ['another origin, by Fetch Metadata', { 'sec-fetch-site': 'same-site' }],
    ['another site, by Fetch Metadata', { 'sec-fetch-site': 'cross-site' }],
  ])('from %s is refused, and the target hears nothing', async (_who, headers) => {
    const answer = await refusal(site.open(browser, '/live', { headers }))

    expect(answer.status).toBe(403)
    expect(site.upstream.upgrades).toEqual([])
  })

  test('a cookie that is forged, or another one, opens nothing', async () => {
    const ours = browser.cookies(site.url).find(({ key }) => key === 'latchkey')?.value ?? ''
    const forged = [ours.replace(/.{10}$/, 'AAAAAAAAAA'), 's%3Aabc.def', ours.replace('s%3A', ''), ''].map(
      (value) => `latchkey=${value}`,
    )

    for (const one of forged)
      expect(await refusal(site.open(browser, '/live', { headers: { cookie: one } }))).toMatchObject({ status: 401 })
    expect(site.upstream.upgrades).toEqual([])
  })

  test('a page of another site opens one where the application has allowed that', async () => {
    const headers = { origin: FRIEND, 'sec-fetch-site': 'cross-site' }
    const socket = await opened(site.open(browser, '/shared', { headers }))

    expect(site.upstream.upgrades).toHaveLength(1)
    expect(site.upstream.upgrades[0]?.headers.authorization).toMatch(/^Bearer /)
    site.upstream.upgrades.length = 0
    socket.terminate()
  })

  test.each([
    ['another one, there', '/shared', 'https://evil.example'],
    ['one that only begins alike, there', '/shared', `${FRIEND}.evil.example`],
    ['the same, somewhere else', '/live', FRIEND],
  ])('%s is refused, and may not read why', async (_who, path, origin) => {
    const headers = { origin, 'sec-fetch-site': 'cross-site' }
    const answer = await refusal(site.open(browser, path, { headers }))

    expect(answer.status).toBe(403)
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
    expect(site.upstream.upgrades).toEqual([])
  })

  test('an allowed page that is signed in nowhere is refused, and may read why', async () => {
    const answer = await refusal(site.open(site.browser(), '/shared', { headers: { origin: FRIEND } }))

    expect(answer.status).toBe(401)
    expect(answer.headers['access-control-allow-origin']).toBe(FRIEND)
    expect(answer.headers.vary).toMatch(/Origin/)
    expect(site.upstream.upgrades).toEqual([])
  })

  test('a page of the site opens one', async () => {
    const socket = await opened(site.open(browser, '/live', { headers: { 'sec-fetch-site': 'same-origin' } }))

    expect(site.upstream.upgrades).toHaveLength(1)
    socket.terminate()
  })
})
