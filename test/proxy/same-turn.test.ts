import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Response } from 'express'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** Is published before the proxy hears that an answer has ended. */
const ENDED = 'undici:request:trailers'

const CUT_OFF = /^(?:fetch failed|terminated)$/

describe('in the turn of the event loop in which an answer has come', () => {
  let upstream: Upstream
  let site: OpenProxy
  let responses: Response[]
  let stray: unknown[]
  let onEnded: () => void
  const note = (): void => onEnded()
  beforeEach(async () => {
    ;[responses, stray] = [[], []]
    onEnded = () => {}
    upstream = await startUpstream()
    upstream.answer((_req, res) => {
      res.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end('from the target')
    })
    site = await startOpenProxy(upstream.url, { connections: 1 }, (app) => {
      app.use('/up', (_req, res, next) => {
        responses.push(res)
        res.on('error', (error) => stray.push(error))
        next()
      })
    })
    subscribe(ENDED, note)
  })
  afterEach(async () => {
    unsubscribe(ENDED, note)
    await site.close()
    await upstream.close()
  })

  /** The one connection is free, and nothing came of what happened before. */
  async function demandNext(): Promise<void> {
    onEnded = () => {}
    expect(await (await fetch(`${site.url}/next`)).text()).toBe('from the target')
    expect(stray).toEqual([])
  }

  test('the client may leave', async () => {
    onEnded = () => setImmediate(() => responses[0]?.destroy())
    await expect(fetch(`${site.url}/x`)).rejects.toThrow(CUT_OFF)
    await demandNext()
  })

  test('the application may end it', async () => {
    const more = Buffer.alloc(32 * 1024 * 1024) // takes longer than this turn
    onEnded = () => setImmediate(() => responses[0]?.end(more))
    const answer = await fetch(`${site.url}/x`)
    expect((await answer.arrayBuffer()).byteLength).toBe(more.length)
    await demandNext()
  })

  test('a middleware may fail, and the client sees that it is cut off', async () => {
    onEnded = () => {
      if (responses[0] !== undefined) responses[0].end = () => fail()
    }
    await expect(fetch(`${site.url}/x`)).rejects.toThrow(CUT_OFF)
    await demandNext()
  })
})

function fail(): never {
  throw new Error('by a middleware')
}
