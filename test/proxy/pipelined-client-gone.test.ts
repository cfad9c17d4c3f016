import { expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { MemoryGrantStore } from '../../lib/grants/memory-grant-store.ts'
import { startProxiedApp } from '../support/proxied-app.ts'
import { unreliable } from '../support/unreliable-store.ts'
import { until } from '../support/until.ts'

test('a client that leaves with several requests pipelined ends all of them at the target, and leaves nothing behind', async () => {
  const grants = unreliable(new MemoryGrantStore({ now: () => Date.now() }))
  const site = await startProxiedApp({ options: { grants: grants.store } })
  try {
    const browser = await site.signedIn()
    const [arrived, gone]: [string[], string[]] = [[], []]
    site.upstream.answer((req, res) => {
      arrived.push(req.url ?? '')
      res.once('close', () => gone.push(req.url ?? ''))
    })
    const { port } = new URL(site.url)
    const client = connect(Number(port), '127.0.0.1')
    client.on('error', () => {}).resume()
    const ask = (path: string): string =>
      `GET /up/${path} HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nCookie: ${browser.cookieHeader(site.url)}\r\n\r\n`
    client.write(ask('1') + ask('2'))
    await until(() => arrived.length > 0, 'the first')
    await new Promise((resolve) => setTimeout(resolve, 200)) // the second may wait for its turn
    client.destroy()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const asked = grants.calls('inspect')
    for (let look = 0; look < 3; look += 1) {
      site.clock.advance({ seconds: 17 })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }

    expect([gone.toSorted(), grants.calls('inspect') - asked]).toEqual([arrived.toSorted(), 0])
  } finally {
    await site.close()
  }
})
