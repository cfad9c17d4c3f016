import { expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { scriptedSites } from '../support/scripted-site.ts'

const startSite = scriptedSites()

test('userInfo() with a token that the server has ended early is asked once more with a new one', async () => {
  const site = await startSite()
  const browser = await site.signedIn()
  let refused: string | undefined
  site.server.script = {
    userInfoAnswer: (res: ServerResponse) => {
      const { authorization } = res.req.headers
      refused ??= authorization
      if (authorization === refused) {
        res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
        return
      }
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"sub":"alice"}')
    },
  }

  const answer = await browser.get(`${site.url}/userinfo`)

  expect(answer.status).toBe(200)
  expect(site.server.tokenRequests('refresh_token')).toHaveLength(1)
})

test.each<[string, (res: ServerResponse) => void]>([
  ['401 without a challenge', (res) => void res.writeHead(401).end('no')],
  ['a challenge with another status', (res) => void res.writeHead(400, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()], // prettier-ignore
  ['its own words', (res) => void res.writeHead(400, { 'content-type': 'application/json' }).end('{"error_code":400003}')], // prettier-ignore
])('a token refused twice, by %s, is not refreshed for ever', async (_how, refuse) => {
  const expiredTokenAnswers = [{ status: 400, member: 'error_code', values: [400_003] }]
  const site = await startSite({ provider: { expiredTokenAnswers } })
  const browser = await site.signedIn()
  site.server.script = { userInfoAnswer: refuse }

  const answer = await browser.get(`${site.url}/userinfo`)

  expect(answer.status).toBe(502)
  expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_MISCONFIGURED' })
  expect(site.server.requests('/userinfo')).toHaveLength(2)
  expect(site.server.tokenRequests('refresh_token')).toHaveLength(1)
})

test.each([403, 404, 500, 503])('a UserInfo endpoint that answers %p is away, and costs no refresh', async (status) => {
  const site = await startSite()
  const browser = await site.signedIn()
  site.server.script = { userInfoAnswer: (res: ServerResponse) => void res.writeHead(status).end() }

  const answer = await browser.get(`${site.url}/userinfo`)

  expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
  expect(site.server.tokenRequests('refresh_token')).toHaveLength(0)
})

test('userInfo() with a token that is not accepted any more, and no refresh token: sign in again', async () => {
  const site = await startSite()
  site.server.script = { tokens: { refresh_token: undefined } }
  const browser = site.browser()
  await site.signIn(browser)
  site.server.script = { userInfoAnswer: (res: ServerResponse) => void res.writeHead(401).end() }

  const answer = await browser.get(`${site.url}/userinfo`)

  expect(answer.status).toBe(401)
  expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REQUIRED', loginUrl: `${site.url}/login` })
  expect((await site.me(browser)).status).toBe(200)
})
