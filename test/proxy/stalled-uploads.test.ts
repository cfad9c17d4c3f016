import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { answerTo, receive } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const IDLE_MS = 60_000

describe('a client that stops in the middle of its body', () => {
  let upstream: Upstream
  let site: OpenProxy
  let uploads: { req: IncomingMessage; bytes: number; isCut: boolean }[]
  beforeAll(async () => {
    upstream = await startUpstream()
  })
  beforeEach(async () => {
    uploads = []
    upstream.answer((req, res) => {
      const upload = { req, bytes: 0, isCut: false }
      uploads.push(upload)
      req.on('data', (chunk: Buffer) => (upload.bytes += chunk.length))
      req.on('error', () => (upload.isCut = true))
      req.on('end', () => res.end(`${upload.bytes} bytes`))
    })
    site = await startOpenProxy(upstream.url, { idleTimeoutMs: IDLE_MS, connections: 1 })
  })
  afterEach(async () => {
    await site.close()
  })
  afterAll(async () => {
    await upstream.close()
  })

  /** A request whose head has come, and how to send a part of its body until that has come. */
  async function begin(
    headers: Record<string, string | number>,
    at: OpenProxy = site,
  ): Promise<{ upload: ClientRequest; answer: Promise<IncomingMessage>; send: (part: string) => Promise<void> }> {
    const connected = once(at.server, 'connection') as Promise<[Socket]>
    const upload = request(`${at.url}/x`, {
      method: 'POST',
      agent: false,
      headers: { 'x-requested-with': 'test', ...headers },
    })
    upload.on('error', () => {}).flushHeaders()
    const answer = answerTo(upload)
    answer.catch(() => {})
    const [socket] = await connected
    await until(() => at.requests === 1, 'the head arrives')
    const send = async (part: string): Promise<void> => {
      const before = socket.bytesRead
      upload.write(part)
      await until(() => socket.bytesRead > before, 'a part arrives')
    }
    return { upload, answer, send }
  }

  test.each([
    ['chunked', { 'transfer-encoding': 'chunked' }],
    ['of a known length', { 'content-length': 1_000_000 }],
  ])('gets 408, and leaves its connection to the target to others: %s', async (_how, headers) => {
    const { answer: answered, send } = await begin(headers)
    await send('0123456789')
    await until(() => uploads[0]?.bytes === 10, 'the first part arrives')
    const next = fetch(`${site.url}/next`)

    site.clock.advance({ ms: IDLE_MS })

    const answer = await answered
    expect([answer.statusCode, answer.headers.connection]).toEqual([408, 'close'])
    expect(JSON.parse((await receive(answer)).text)).toMatchObject({ code: 'ERR_AUTH_REQUEST_TIMEOUT' })
    await until(() => uploads[0]?.isCut === true, 'the target sees that it was cut')
    expect(await (await next).text()).toBe('0 bytes')
    expect(site.events).toEqual([])
  })

  test('before it was worth a request to the target gets 408 as well', async () => {
    const { answer, send } = await begin({ 'content-length': 20 })
    await send('0123456789')

    site.clock.advance({ ms: IDLE_MS })

    expect((await answer).statusCode).toBe(408)
    expect(uploads).toEqual([])
  })

  test('and goes on, but takes longer in all than it may, gets 408 too', async () => {
    const hasty = await startOpenProxy(upstream.url, { idleTimeoutMs: IDLE_MS, totalTimeoutMs: IDLE_MS + 20_000 })
    try {
      const { answer, send } = await begin({ 'content-length': 30 }, hasty)
      await send('0123456789')
      hasty.clock.advance({ ms: IDLE_MS - 1 })
      await send('0123456789')

      hasty.clock.advance({ ms: 20_001 })

      expect((await answer).statusCode).toBe(408)
      expect(uploads).toEqual([])
    } finally {
      await hasty.close()
    }
  })

  test.each([
    ['streamed', { 'transfer-encoding': 'chunked' }],
    ['held', { 'content-length': 30 }],
  ])('and goes on in time is waited for, however long it takes: %s', async (_how, headers) => {
    const { upload, answer, send } = await begin(headers)
    for (let part = 1; part <= 3; part += 1) {
      site.clock.advance({ ms: IDLE_MS - 10_000 })
      await send('0123456789')
    }
    upload.end()

    expect(await receive(await answer)).toEqual({ text: '30 bytes', end: 'complete' })
  })

  test('when the target has begun to answer is not cut off', async () => {
    let answering: ServerResponse | undefined
    upstream.answer((req, res) => {
      answering = res
      req.resume()
      res.write('begun ')
    })
    const { answer, send } = await begin({ 'transfer-encoding': 'chunked' })
    await send('0123456789')
    const received = receive(await answer)
    await send('0123456789')

    site.clock.advance({ ms: 3 * IDLE_MS })
    await new Promise(setImmediate)
    answering?.end('and ended')

    expect(await received).toEqual({ text: 'begun and ended', end: 'complete' })
  })

  test('whose next part is there, but was not read yet, is not cut off', async () => {
    const { upload, answer, send } = await begin({ 'transfer-encoding': 'chunked' })
    await send('0123456789')
    await until(() => uploads[0]?.bytes === 10, 'the first part arrives')
    upload.end('0123456789')
    site.clock.advance({ ms: IDLE_MS })

    expect(await receive(await answer)).toEqual({ text: '20 bytes', end: 'complete' })
  })

  test('because the target reads no more is waited for', async () => {
    let stopped: IncomingMessage | undefined
    upstream.answer((req, res) => {
      stopped = req
      req.once('end', () => res.end('all of it'))
    })
    const { upload, answer } = await begin({ 'transfer-encoding': 'chunked' })
    upload.end(Buffer.alloc(20_000_000))
    await until(() => stopped !== undefined, 'the request arrives')
    await standstill(() => upload.socket?.bytesWritten)

    site.clock.advance({ ms: 3 * IDLE_MS })
    stopped?.resume()

    expect(await receive(await answer)).toEqual({ text: 'all of it', end: 'complete' })
  })
})

/** Resolves when `measure` has given the same for a while. */
async function standstill(measure: () => unknown): Promise<void> {
  let last: unknown
  let since = performance.now()
  await until(() => {
    const now = measure()
    if (now !== last) since = performance.now()
    last = now
    return performance.now() - since > 100
  }, 'nothing goes on any more')
}
