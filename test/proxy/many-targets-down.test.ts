import { afterEach, expect, test } from '@jest/globals'
import { EventEmitter } from 'node:events'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'

let site: OpenProxy
afterEach(() => site.close())

// With more, Node says on the application's stderr that there may be a leak (MaxListenersExceededWarning).
test('a request that is tried at twelve targets in vain does not pile up listeners', async () => {
  let most = 0
  // Ports that no test listens at.
  const targets = Array.from({ length: 12 }, (_, at) => `http://127.0.0.1:${at + 1}`)
  site = await startOpenProxy(targets, {}, (app) => {
    app.use((_req, res, next) => {
      res.on('newListener', (name) => (most = Math.max(most, res.listenerCount(name as string) + 1)))
      next()
    })
  })

  expect((await fetch(site.url)).status).toBe(502)

  expect(most).toBeLessThanOrEqual(EventEmitter.defaultMaxListeners)
})
