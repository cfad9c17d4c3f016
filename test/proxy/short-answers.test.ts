import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response } from 'express'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** Every byte there is, as often as it takes. */
function everyByte(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => at % 256))
}

describe('an answer that is there in one go', () => {
  let upstream: Upstream
  let site: OpenProxy
  /** What somebody in the way finds in the last part. */
  const found: unknown[] = []
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url, {}, (app) => {
      app.use('/up/own', (_req, res, next) => {
        watch(res)
        next()
      })
    })
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  test.each(
    [1, 256, 4_095, 4_096, 4_097, 20_000].flatMap((length) => [
      { length, framing: 'a length' },
      { length, framing: 'chunks' },
    ]),
  )('arrives byte for byte: $length bytes with $framing', async ({ length, framing }) => {
    const body = everyByte(length)
    upstream.answer((_req, res) => {
      res.setHeader('x-name', 'caf\u00E9')
      if (framing === 'a length') res.setHeader('content-length', length)
      else res.setHeader('transfer-encoding', 'chunked')
      res.end(body)
    })

    const answer = await fetch(`${site.url}/x`)

    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
    expect(answer.headers.get('x-name')).toBe('caf\u00E9')
  })

  test('reaches what stands in for a connection as bytes', async () => {
    const body = everyByte(256)
    upstream.answer((_req, res) => void res.end(body))
    const written: unknown[] = []
    const req = new IncomingMessage(new Socket())
    Object.assign(req, {
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      method: 'GET',
      url: '/up/x',
      headers: { host: 'x' },
    })
    const res = new ServerResponse(req)
    const answered = once(res, 'finish')
    // As those do that run an application in a function of a cloud.
    const write = (part: Buffer | string, encoding?: unknown, done?: () => void): boolean => {
      written.push(part)
      const callback = typeof encoding === 'function' ? encoding : done
      callback?.()
      return true
    }
    res.assignSocket(Object.assign(new Duplex({ read() {} }), { write }) as unknown as Socket)
    site.app(req, res)
    await answered

    expect(written).toContainEqual(body)
  })

  function watch(of: Pick<Response, 'end'>): void {
    const end = of.end as (this: Response, chunk?: unknown, ...more: unknown[]) => Response
    Object.assign(of, {
      end(this: Response, chunk?: unknown, ...more: unknown[]) {
        found.push(chunk)
        return end.call(this, chunk, ...more)
      },
    })
  }

  test.each([
    { whose: 'of a middleware', prepare: () => 'own' },
    { whose: "of all of Express's responses", prepare: () => (watch(site.app.response), 'all') },
  ])('reaches an end $whose as bytes', async ({ prepare }) => {
    const body = everyByte(256)
    upstream.answer((_req, res) => void res.end(body))
    found.length = 0

    const answer = await fetch(`${site.url}/${prepare()}`)

    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
    expect(found).toEqual([body])
  })
})
