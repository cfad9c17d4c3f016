import { expect, test } from '@jest/globals'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Request } from 'express'
import { startProxiedApp } from '../support/proxied-app.ts'

/** Is published when undici has the request, and before there is a connection for it. */
const CREATED = 'undici:request:create'

test('a request whose user signs out while the target is connected to is not sent', async () => {
  let asking: Request | undefined
  const site = await startProxiedApp({
    routes: (app) =>
      app.use('/up/order', (req, _res, next) => {
        asking = req
        next()
      }),
  })
  const browser = await site.signedIn()
  const signOut = (message: unknown): void => {
    const { path } = (message as { request: { path: string } }).request
    if (path === '/order') asking?.session.destroy(() => {})
  }
  subscribe(CREATED, signOut)
  try {
    expect((await browser.get(`${site.proxied}/order`)).status).toBe(401)
    expect(site.upstream.requests).toEqual([])
  } finally {
    unsubscribe(CREATED, signOut)
    await site.close()
  }
})
