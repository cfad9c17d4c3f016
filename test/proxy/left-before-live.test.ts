import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { MemoryGrantStore } from '../../lib/grants/memory-grant-store.ts'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { beginRequest } from '../support/raw-client.ts'
import { unreliable } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

describe('a client that leaves before its request reaches the proxy', () => {
  const grants = unreliable(new MemoryGrantStore({ now: () => Date.now() }))
  let site: ProxiedApp
  let browser: Browser
  let waiting: (() => void) | undefined
  let isThrough = false
  beforeAll(async () => {
    site = await startProxiedApp({
      options: { grants: grants.store },
      routes(app) {
        // As a slow session store, or any other middleware that waits.
        app.use('/up', (_req, res, next) => {
          waiting = () => {
            next()
            isThrough = true
          }
          if (res.closed) waiting()
        })
      },
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test('leaves nothing behind that is looked after every 15 seconds for as long as the process lives', async () => {
    const outgoing = beginRequest(browser, `${site.proxied}/x`).end()
    await until(() => waiting !== undefined, 'the request')
    outgoing.destroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    waiting?.()
    await until(() => isThrough, 'the proxy')
    await new Promise((resolve) => setTimeout(resolve, 100))

    const asked = grants.calls('inspect')
    for (let look = 0; look < 3; look += 1) {
      site.clock.advance({ seconds: 17 })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }

    expect(grants.calls('inspect') - asked).toBe(0)
  })
})
