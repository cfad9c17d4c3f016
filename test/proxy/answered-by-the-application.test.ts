import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createGzip } from 'node:zlib'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

describe('an application that answers in the place of a target', () => {
  let upstream: Upstream
  let site: OpenProxy
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url, { connections: 2 }, (app) => {
      app.use('/up', (req, res, next) => {
        if (req.path === '/slow') setTimeout(() => res.status(503).end('too slow'), 100)
        if (req.path === '/endless') setTimeout(() => res.end(), 100)
        next()
      })
    })
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  test('because it takes too long: the request is ended there', async () => {
    let isGone = false
    upstream.answer((_req, res) => res.once('close', () => (isGone = true)))

    expect((await fetch(`${site.url}/slow`)).status).toBe(503)
    await new Promise((resolve) => setTimeout(resolve, 300))

    expect(isGone).toBe(true)
  })

  test('because a stream has been long enough: it is ended there, and its connection is free', async () => {
    let isGone = false
    upstream.answer((_req, res) => {
      const timer = setInterval(() => res.write('tick '), 10)
      res.once('close', () => {
        clearInterval(timer)
        isGone = true
      })
    })

    expect(await (await fetch(`${site.url}/endless`)).text()).toMatch(/^(tick )+$/)
    await new Promise((resolve) => setTimeout(resolve, 300))

    expect(isGone).toBe(true)
  })
})

describe('a middleware that compresses answers', () => {
  /** As `compression` does it. */
  function compress(res: ServerResponse): void {
    const gzip = createGzip()
    const [write, end] = [res.write.bind(res), res.end.bind(res)] as [(chunk: Buffer) => boolean, () => void]
    gzip.on('data', (chunk: Buffer) => write(chunk) || gzip.pause())
    gzip.on('end', () => end())
    const on = res.on.bind(res) as (name: string, listener: () => void) => unknown
    on('drain', () => gzip.resume())
    Object.assign(res, {
      write: (chunk: Buffer) => gzip.write(chunk),
      end: (chunk?: Buffer) => gzip.end(chunk),
      // Whoever waits for the response waits for the compressor.
      on: (name: string, listener: () => void) => (name === 'drain' ? gzip.on(name, listener) : on(name, listener)),
    })
  }

  test('has a target wait for a client that does not read', async () => {
    const upstream = await startUpstream()
    const site = await startOpenProxy(upstream.url, {}, (app) => {
      app.use((_req, res, next) => {
        compress(res)
        next()
      })
    })
    const noise = Buffer.from(Array.from({ length: 65_536 }, () => Math.floor(Math.random() * 256)))
    let sent = 0
    upstream.answer((_req, res) => {
      const more = (): void => {
        while (!res.destroyed && sent < 200 * 1024 * 1024) {
          sent += noise.length
          if (!res.write(noise)) return void res.once('drain', more)
        }
      }
      more()
    })
    const client = connect(site.server.address() as { port: number }, () =>
      client.write('GET /up/x HTTP/1.1\r\nHost: app\r\n\r\n'),
    )
    client.pause()
    await once(client, 'connect')
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const [sentMiB] = [sent / 1024 / 1024]
    client.destroy()
    await site.close()
    await upstream.close()

    // What the buffers of the sockets hold.
    expect(sentMiB).toBeLessThan(40)
  }, 20_000)
})

test('a middleware that fails at the end of an answer: the client sees that it is cut off, and others are served', async () => {
  const upstream = await startUpstream()
  const site = await startOpenProxy(upstream.url, { connections: 1 }, (app) => {
    app.use('/up/fails', (_req, res, next) => {
      res.end = () => {
        throw new Error('by a middleware')
      }
      next()
    })
  })
  upstream.answer((_req, res) => res.end('served'))

  await expect(fetch(`${site.url}/fails`)).rejects.toThrow(/^(?:fetch failed|terminated)$/)
  expect(await (await fetch(`${site.url}/x`)).text()).toBe('served')

  await site.close()
  await upstream.close()
})
