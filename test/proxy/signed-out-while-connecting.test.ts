import { expect, test } from '@jest/globals'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Request } from 'express'
import { startProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest } from '../support/raw-client.ts'

/** Is published when undici has the request, and before there is a connection for it. */
const CREATED = 'undici:request:create'

test.each([
  ['without a body', Buffer.alloc(0)],
  ['with one that is too long to be held', Buffer.alloc(20_000_000)],
])('a request whose user signs out while the target is connected to is not sent: %s', async (_what, body) => {
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
    const order = beginRequest(browser, `${site.proxied}/order`, {
      method: 'POST',
      headers: { connection: 'keep-alive' },
    }).end(body)
    const sent = once(order, 'finish')
    expect((await answerTo(order)).statusCode).toBe(401)
    await sent // it may only listen then; on a connection that is closed nobody would notice
    expect(site.upstream.requests).toEqual([])
  } finally {
    unsubscribe(CREATED, signOut)
    await site.close()
  }
})
