import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createServer } from 'node:net'
import { startHttpServer } from '../../example-app/http-server.ts'
import type { ProxyOptions } from '../../lib/index.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

/** A port at which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('several targets', () => {
  let up: [Upstream, Upstream]
  /** Ports that no test listens at. */
  const [dead, alsoDead] = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
  const sites: OpenProxy[] = []

  beforeEach(async () => {
    up = [await startUpstream(), await startUpstream()]
    up.forEach((upstream, index) => upstream.answer((_req, res) => void res.end(`from ${index}`)))
  })
  afterEach(async () => {
    await Promise.all(sites.splice(0).map((site) => site.close()))
    await Promise.all(up.map((upstream) => upstream.close()))
  })

  async function proxyTo(targets: readonly string[], options: ProxyOptions = {}): Promise<OpenProxy> {
    const site = await startOpenProxy(targets, options)
    sites.push(site)
    return site
  }

  async function ask(site: OpenProxy, init: RequestInit = {}): Promise<string> {
    const answer = await fetch(`${site.url}/x`, init)
    return answer.ok ? answer.text() : `${answer.status}`
  }

  test('are asked in turn', async () => {
    const site = await proxyTo([up[0].url, up[1].url])

    const answers = [await ask(site), await ask(site), await ask(site), await ask(site)]

    expect(answers.toSorted()).toEqual(['from 0', 'from 0', 'from 1', 'from 1'])
    expect(answers[0]).not.toBe(answers[1])
  })

  test('each have a path of their own', async () => {
    const site = await proxyTo([`${up[0].url}/a`, `${up[1].url}/b/`])

    await ask(site)
    await ask(site)

    expect(up.map(({ requests }) => requests.map(({ url }) => url))).toEqual([['/a/x'], ['/b/x']])
  })

  test('one that refuses connections costs no request, and is not asked again for a while', async () => {
    const site = await proxyTo([dead, up[0].url])

    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(site)))

    expect(answers).toEqual(Array(20).fill('from 0'))
    expect(site.events).toEqual([{ type: 'target-down', target: dead, cause: expect.any(Error) as unknown }])
    // What Node adds to its errors, such as the certificates of a server that is another, is not for logs.
    const { cause } = site.events[0] as unknown as { cause: Error }
    expect(Object.keys(cause).toSorted()).toEqual(['code', 'name'])
    expect(cause).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test.each<[string, () => RequestInit, string]>([
    ['a short one', () => ({ method: 'POST', body: 'x'.repeat(1_000) }), '1000'],
    ['a long one', () => ({ method: 'POST', body: 'x'.repeat(500_000) }), '500000'],
    ['one in chunks', () => ({ method: 'POST', body: chunks(10), duplex: 'half' }) as RequestInit, '100000'],
  ])('a body goes on to the next target whole: %s', async (_which, init, length) => {
    up[0].answer((req, res) => void readBytes(req).then((body) => res.end(String(body.length))))
    const site = await proxyTo([dead, up[0].url])

    expect(await ask(site, init())).toBe(length)
    expect(await ask(site, init())).toBe(length)
  })

  test('one that is back is tried after a pause, and takes its turn again', async () => {
    const port = await freePort()
    const site = await proxyTo([`http://127.0.0.1:${port}`, up[0].url])
    await ask(site)
    await ask(site)
    const back = await startHttpServer((_req, res) => void res.end('back'), { port })
    expect(await ask(site)).toBe('from 0')
    expect(await ask(site)).toBe('from 0')

    site.clock.advance({ seconds: 1 })
    const first = await Promise.all([ask(site), ask(site), ask(site)])
    const then = [await ask(site), await ask(site)]

    expect(first).toContain('back')
    expect(first).not.toContain('502')
    expect(then.toSorted()).toEqual(['back', 'from 0'])
    const target = `http://127.0.0.1:${port}`
    expect(site.events).toMatchObject([
      { type: 'target-down', target },
      { type: 'target-up', target },
    ])
    await back.close()
  })

  test('the pause grows while nobody is there', async () => {
    const site = await proxyTo([dead], {})
    for (let n = 0; n < 5; n += 1) expect(await ask(site)).toBe('502')
    const pauses: number[] = []
    for (let n = 0; n < 3; n += 1) {
      const answer = await fetch(`${site.url}/x`)
      pauses.push(Number(answer.headers.get('retry-after')))
      site.clock.advance({ seconds: pauses.at(-1) ?? 0 })
      expect(await ask(site)).toBe('502') // the probe
    }
    expect(pauses[0]).toBe(1)
    expect(pauses[2]).toBeGreaterThan(1)
  })

  test('when none can be connected to: 502 at once, with when to come again', async () => {
    const site = await proxyTo([dead, alsoDead])
    const first = await fetch(`${site.url}/x`)
    const second = await fetch(`${site.url}/x`)

    expect([first.status, second.status]).toEqual([502, 502])
    expect(await second.json()).toMatchObject({ code: 'ERR_AUTH_UPSTREAM' })
    expect(second.headers.get('retry-after')).toBe('1')
    expect(site.events).toMatchObject([
      { type: 'target-down' },
      { type: 'target-down' },
      { type: 'error', error: { cause: { code: 'ECONNREFUSED' } } },
      { type: 'error', code: 'ERR_AUTH_UPSTREAM' },
    ])
  })

  test('a request of which a byte was sent goes to no other, whatever becomes of it', async () => {
    up[0].answer((req) => void req.socket.destroy())
    up[1].answer((req) => void req.socket.destroy())
    const site = await proxyTo([up[0].url, up[1].url])

    expect(await ask(site)).toBe('502')

    expect(up[0].requests.length + up[1].requests.length).toBe(1)
  })

  test('one that answers badly is asked again: it is there', async () => {
    up[0].answer((req) => void req.socket.destroy())
    const site = await proxyTo([up[0].url])
    for (let n = 0; n < 8; n += 1) expect(await ask(site)).toBe('502')
    expect(up[0].requests).toHaveLength(8)

    up[0].answer((_req, res) => void res.end('well'))
    expect(await ask(site)).toBe('well')
  })

  test('a single target that refuses five connections in a row is left alone, and found again', async () => {
    const port = await freePort()
    const site = await proxyTo([`http://127.0.0.1:${port}`])
    for (let n = 0; n < 5; n += 1) {
      const answer = await fetch(`${site.url}/x`)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([502, null])
    }
    const back = await startHttpServer((_req, res) => void res.end('back'), { port })
    expect(await ask(site)).toBe('502')

    site.clock.advance({ seconds: 1 })

    expect(await ask(site)).toBe('back')
    expect(await ask(site)).toBe('back')
    expect(site.events.filter(({ type }) => type === 'target-down')).toHaveLength(1)
    await back.close()
  })

  test('more requests than connections wait their turn, also where nobody listens', async () => {
    const site = await proxyTo([dead], { connections: 1 })

    expect(await Promise.all([ask(site), ask(site), ask(site)])).toEqual(['502', '502', '502'])
  })
})

function chunks(count: number): ReadableStream<Uint8Array> {
  let left = count
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close()
      left -= 1
      controller.enqueue(new Uint8Array(10_000))
    },
  })
}
