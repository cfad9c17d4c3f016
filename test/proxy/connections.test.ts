import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createServer, type AddressInfo } from 'node:net'
import { startOpenProxy } from '../support/open-proxy.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { echo } from '../support/upstream.ts'

describe('connections to the target', () => {
  let site: ProxiedApp
  beforeAll(async () => {
    site = await startProxiedApp()
  })
  afterAll(async () => {
    await site.close()
  })

  test('one connection serves one request after the other, with and without a body', async () => {
    const browser = await site.signedIn()
    site.upstream.answer(echo)

    for (let n = 0; n < 10; n += 1) {
      await browser.get(`${site.proxied}/n`)
      await browser.post(`${site.proxied}/n`, { n })
      await browser.post(`${site.proxied}/n`, { n: 'x'.repeat(100_000) })
    }

    expect(site.upstream.requests).toHaveLength(30)
    expect(site.upstream.connections).toBe(1)
  })

  test('a target that closes its connection after an answer costs no request', async () => {
    const browser = await site.signedIn()
    site.upstream.answer((_req, res) => void res.writeHead(200, { connection: 'close' }).end('fine'))

    const answers = []
    for (let n = 0; n < 5; n += 1) answers.push(await browser.get(`${site.proxied}/n`))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })
})

test('a target that closes its connection behind an answer without saying so costs no request that waited for it', async () => {
  const target = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine'))
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const site = await startOpenProxy(`http://127.0.0.1:${(target.address() as AddressInfo).port}`, { connections: 1 })

  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(site.url)))

  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  await site.close()
  await new Promise((resolve) => target.close(resolve))
})
