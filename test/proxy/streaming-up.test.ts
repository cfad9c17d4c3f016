import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Browser } from '../support/browser.ts'
import { startProxiedApp, type ProxiedApp } from '../support/proxied-app.ts'
import { answerTo, beginRequest, receive } from '../support/raw-client.ts'
import { untilSteady } from '../support/until-steady.ts'

const MIB = 1024 * 1024

describe('an upload streams through the proxy', () => {
  let site: ProxiedApp
  let browser: Browser
  beforeAll(async () => {
    site = await startProxiedApp({
      routes: (app, auth) => void app.use('/nowhere', auth.requireAuth(), auth.proxy('http://127.0.0.1:9')),
    })
    browser = await site.signedIn()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['with its length announced', true],
    ['chunked', false],
  ])('64 MiB %s pass, and only a little of it is on its way at any time', async (_how, isAnnounced) => {
    const size = 64 * MIB
    let arrived = 0
    let mostOnTheWay = 0
    site.upstream.answer((req, res) => {
      req.on('data', (part: Buffer) => (arrived += part.length))
      digest(req, res)
    })

    const outgoing = beginRequest(browser, `${site.proxied}/files`, {
      method: 'PUT',
      headers: isAnnounced ? { 'content-length': size } : { 'transfer-encoding': 'chunked' },
    })
    const answer = answerTo(outgoing)
    const sent = await write(outgoing, size, (written) => (mostOnTheWay = Math.max(mostOnTheWay, written - arrived)))
    outgoing.end()

    const { text } = await receive(await answer)
    expect(JSON.parse(text)).toEqual({ bytes: size, sha256: sent })
    expect(mostOnTheWay).toBeLessThan(32 * MIB)
  })

  test('the target gets the first part while the client is still writing', async () => {
    let request: IncomingMessage | undefined
    const arrived = new Promise<string>((resolve) => {
      site.upstream.answer((req, res) => {
        request = req
        req.once('data', (part: Buffer) => resolve(part.toString()))
        req.once('end', () => res.end('done'))
      })
    })
    const outgoing = beginRequest(browser, `${site.proxied}/files`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    })
    outgoing.write('first')

    expect(await arrived).toBe('first')
    expect(request?.complete).toBe(false)

    outgoing.end('last')
    expect((await receive(await answerTo(outgoing))).text).toBe('done')
  })

  test('a target that does not read stops the client from writing', async () => {
    let upstream: { req: IncomingMessage; res: ServerResponse } | undefined
    site.upstream.answer((req, res) => {
      upstream = { req, res }
    })
    const outgoing = beginRequest(browser, `${site.proxied}/files`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    })
    const answer = answerTo(outgoing)
    let accepted = 0
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const fill = (): void => {
      while (accepted < 256 * MIB && outgoing.write(chunk)) accepted += chunk.length
      if (accepted < 256 * MIB) outgoing.once('drain', fill)
    }
    fill()

    await untilSteady(() => accepted)
    expect(outgoing.writableNeedDrain).toBe(true)
    expect(accepted).toBeLessThan(64 * MIB)

    outgoing.removeAllListeners('drain')
    outgoing.end()
    upstream?.req.resume()
    upstream?.req.once('end', () => upstream?.res.end('done'))
    expect((await receive(await answer)).text).toBe('done')
  })

  test('a small body arrives with its length, an empty one as none', async () => {
    const lengths: unknown[] = []
    site.upstream.answer((req, res) => {
      lengths.push(req.headers['content-length'], req.headers['transfer-encoding'])
      req.resume().once('end', () => res.end())
    })
    await browser.fetch(`${site.proxied}/notes`, { method: 'POST', body: 'twelve bytes' })
    await browser.fetch(`${site.proxied}/notes`, { method: 'POST' })

    expect(lengths).toEqual(['12', undefined, '0', undefined])
  })

  test('a client that waits for 100 Continue is told to go on', async () => {
    site.upstream.answer(digest)
    const outgoing = beginRequest(browser, `${site.proxied}/files`, {
      method: 'PUT',
      headers: { expect: '100-continue', 'content-length': 200_000 },
    })
    outgoing.flushHeaders()
    await once(outgoing, 'continue')
    outgoing.end(Buffer.alloc(200_000))

    const answer = await answerTo(outgoing)

    expect(JSON.parse((await receive(answer)).text)).toMatchObject({ bytes: 200_000 })
    expect(site.upstream.requests.at(-1)?.headers).not.toHaveProperty('expect')
  })

  test.each([
    ['announced', { 'content-length': 8 * MIB }],
    ['chunked', { 'transfer-encoding': 'chunked' }],
  ])('a target that refuses an upload (%s) before it has read it is heard', async (_how, headers) => {
    site.upstream.answer((_req, res) => void res.writeHead(413, { 'content-type': 'text/plain' }).end('too large'))
    const outgoing = beginRequest(browser, `${site.proxied}/files`, { method: 'PUT', headers })
    const answer = answerTo(outgoing)
    await write(outgoing, 8 * MIB)
    outgoing.end()

    const received = await answer

    expect(received.statusCode).toBe(413)
    expect(await receive(received)).toEqual({ text: 'too large', end: 'complete' })
  })

  test('a client that is still sending when the target is not there is told', async () => {
    const outgoing = beginRequest(browser, `${site.url}/nowhere/files`, {
      method: 'PUT',
      headers: { 'content-length': 8 * MIB },
    })
    const answer = answerTo(outgoing)
    await write(outgoing, 8 * MIB)
    outgoing.end()

    const received = await answer

    expect(received.statusCode).toBe(502)
    expect(JSON.parse((await receive(received)).text)).toMatchObject({ code: 'ERR_AUTH_UPSTREAM' })
  })
})

function digest(req: IncomingMessage, res: ServerResponse): void {
  const hash = createHash('sha256')
  let bytes = 0
  req.on('data', (part: Buffer) => {
    bytes += part.length
    hash.update(part)
  })
  req.once('end', () => res.end(JSON.stringify({ bytes, sha256: hash.digest('hex') })))
}

/** Writes at the pace at which it is taken. @returns the digest of what was written. */
async function write(
  outgoing: ClientRequest,
  size: number,
  watch: (written: number) => void = () => {},
): Promise<string> {
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(64 * 1024)
  const closed = new AbortController()
  outgoing.once('close', () => closed.abort())
  for (let written = 0; written < size && !outgoing.destroyed; written += chunk.length) {
    chunk.fill(written / chunk.length)
    hash.update(chunk)
    if (!outgoing.write(Buffer.from(chunk))) await once(outgoing, 'drain', closed).catch(() => {})
    watch(written)
  }
  return hash.digest('hex')
}
