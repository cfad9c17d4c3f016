import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response } from 'express'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** Every byte there is, as often as it takes. */
function everyByte(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => at % 256))
}

describe('an answer that is there in one go', () => {
  let upstream: Upstream
  let site: OpenProxy
  /** What a middleware finds in the last part. */
  const found: unknown[] = []
  beforeAll(async () => {
    upstream = await startUpstream()
    site = await startOpenProxy(upstream.url, {}, (app) => {
      app.use('/up/watched', (_req, res, next) => {
        const end = res.end.bind(res) as (chunk?: unknown) => Response
        Object.assign(res, { end: (chunk?: unknown) => end(found.push(chunk) > 0 ? chunk : undefined) })
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

  test('reaches a middleware that has an end of its own as bytes', async () => {
    const body = everyByte(256)
    upstream.answer((_req, res) => void res.end(body))

    const answer = await fetch(`${site.url}/watched`)

    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
    expect(found).toEqual([body])
  })
})
