import { expect, test } from '@jest/globals'
import type { Express } from 'express'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { scriptedSites } from '../support/scripted-site.ts'

const startSite = scriptedSites()

test('a token that the API does not accept any more, and no refresh token: sign in again', async () => {
  const api = createServer((_req, res) => void res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()) // prettier-ignore
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const target = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  const routes = (app: Express, auth: { requireAuth(): never; proxy(to: string): never }): void =>
    void app.use('/api', auth.requireAuth(), auth.proxy(target))
  const site = await startSite({ routes: routes as never })
  site.server.script = { tokens: { refresh_token: undefined, expires_in: undefined } }
  const browser = site.browser()
  await site.signIn(browser)

  const answer = await browser.get(`${site.url}/api/orders`)
  api.closeAllConnections()
  api.close()

  expect(answer.status).toBe(401)
  expect(answer.text).toContain('loginUrl')
})

test('the same with req.auth.fetch(), which throws; whoever is signed in stays so', async () => {
  const api = createServer((_req, res) => void res.writeHead(401).end('no'))
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}/orders`
  const site = await startSite({
    routes: (app) => void app.get('/orders', async (req, res) => void res.json((await req.auth.fetch(url)).status)),
  })
  site.server.script = { tokens: { refresh_token: undefined } }
  const browser = site.browser()
  await site.signIn(browser)

  const answer = await browser.get(`${site.url}/orders`)
  api.closeAllConnections()
  api.close()

  expect(answer.status).toBe(401)
  expect(answer.json()).toMatchObject({ code: 'ERR_AUTH_REQUIRED', loginUrl: `${site.url}/login` })
  expect((await site.me(browser)).status).toBe(200)
})
