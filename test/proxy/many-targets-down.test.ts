import { afterEach, expect, test } from '@jest/globals'
import { EventEmitter } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'

let site: OpenProxy
afterEach(() => site.close())

/** Nobody listens there any more. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

// With more, Node says on the application's stderr that there may be a leak (MaxListenersExceededWarning).
test('a request that is tried at twelve targets in vain does not pile up listeners', async () => {
  let most = 0
  const ports = await Promise.all(Array.from({ length: 12 }, closedPort))
  site = await startOpenProxy(
    ports.map((port) => `http://127.0.0.1:${port}`),
    {},
    (app) => {
      app.use((_req, res, next) => {
        res.on('newListener', (name) => (most = Math.max(most, res.listenerCount(name as string) + 1)))
        next()
      })
    },
  )

  expect((await fetch(site.url)).status).toBe(502)

  expect(most).toBeLessThanOrEqual(EventEmitter.defaultMaxListeners)
})
