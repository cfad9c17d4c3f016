import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createHash, randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import express, { type RequestHandler } from 'express'
import {
  IncomingMessage,
  request,
  ServerResponse,
  type ClientRequest,
  type RequestListener,
  type Server,
} from 'node:http'
import { request as requestTls, type RequestOptions } from 'node:https'
import { Socket, type AddressInfo } from 'node:net'
import { Duplex, Readable } from 'node:stream'
import { latchkey, type Latchkey } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { giveBack } from '../../lib/proxy/forward/spent-buffers.ts'
import { SECRET } from '../support/app.ts'
import { startOpenProxy, type OpenProxy } from '../support/open-proxy.ts'
import { answerTo } from '../support/raw-client.ts'
import { CA, SERVER, startTlsUpstream } from '../support/tls-upstream.ts'
import { untilSteady } from '../support/until-steady.ts'
import { readBytes, startUpstream, type Upstream } from '../support/upstream.ts'

/** Longer than all that the kernel takes of it while nobody reads. */
const LONG = randomBytes(32 * 1024 * 1024)

describe.each(['http:', 'https:'])('a part of a body is not given back before it is written, over %s', (scheme) => {
  let answering: (req: IncomingMessage, res: ServerResponse) => void
  let upstream: { readonly url: string; close(): Promise<void> }
  let auth: Latchkey
  let server: Server
  let options: RequestOptions
  beforeAll(async () => {
    const isTls = scheme === 'https:'
    upstream = await (isTls ? startTlsUpstream : startHttpUpstream)((req, res) => answering(req, res))
    const provider = oidc({ issuer: 'https://id.example', clientId: 'c' })
    auth = latchkey({ baseUrl: 'https://app.example', provider, secret: SECRET })
    const app = express().use(auth.proxy(upstream.url, { token: false, ...(isTls && { tls: { ca: CA } }) }))
    server = auth.createServer(app, isTls ? SERVER : {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    options = { protocol: scheme, host: '127.0.0.1', port, agent: false, ...(isTls && { ca: CA }) }
  })
  afterAll(async () => {
    server.close()
    await auth.close()
    await upstream.close()
  })

  function begin(given: RequestOptions): ClientRequest {
    return (scheme === 'https:' ? requestTls : request)({ ...options, ...given })
  }

  test('to a client that reads late', async () => {
    let written = 0
    function* parts(): Generator<Buffer> {
      for (; written < LONG.length; written += 100_000) yield LONG.subarray(written, written + 100_000)
    }
    answering = (_req, res) => void Readable.from(parts()).pipe(res)
    const answer = await answerTo(begin({}).end())
    await untilSteady(() => written)
    expect(written).toBeLessThan(LONG.length)

    expect(digest(await readBytes(answer))).toBe(digest(LONG))
  })

  test('to a target that reads late', async () => {
    let arrived: IncomingMessage | undefined
    answering = (req, res) => {
      arrived = req
      res.flushHeaders()
    }
    const outgoing = begin({ method: 'POST', headers: { 'content-length': LONG.length } })
    outgoing.end(LONG)
    await answerTo(outgoing)
    await untilSteady(() => Number(outgoing.writableLength === 0))
    expect(outgoing.writableLength).toBeGreaterThan(0)

    expect(digest(await readBytes(arrived as IncomingMessage))).toBe(digest(LONG))
  })
})

describe('whoever sees the parts of a body beside the proxy keeps them', () => {
  let upstream: Upstream
  let site: OpenProxy
  /** Beside the proxy, for one test. */
  let beside: RequestHandler
  beforeAll(async () => {
    upstream = await startUpstream()
    upstream.answer((req, res) => {
      if (req.method === 'GET') res.end(LONG)
      else void readBytes(req).then((bytes) => res.end(digest(bytes)))
    })
    site = await startOpenProxy(upstream.url, {}, (app) => app.use((req, res, next) => beside(req, res, next)))
  })
  beforeEach(() => {
    beside = (_req, _res, next) => next()
  })
  afterAll(async () => {
    await site.close()
    await upstream.close()
  })

  async function download(): Promise<Buffer> {
    return readBytes(await answerTo(request(site.url, { agent: false }).end()))
  }

  /** @returns what the target had of it. */
  async function upload(): Promise<string> {
    const outgoing = request(site.url, { method: 'POST', agent: false, headers: { 'content-length': LONG.length } })
    outgoing.end(LONG)
    return (await readBytes(await answerTo(outgoing))).toString()
  }

  test('a middleware that keeps the answer', async () => {
    const kept: Buffer[] = []
    beside = (_req, res, next) => {
      const write = res.write.bind(res) as (...given: unknown[]) => boolean
      res.write = (part: Buffer, ...rest: unknown[]) => {
        kept.push(part)
        return write(part, ...rest)
      }
      next()
    }

    expect(digest(await download())).toBe(digest(LONG))

    expect(digest(Buffer.concat(kept))).toBe(digest(LONG))
  })

  test('a middleware that listens to the request', async () => {
    const kept: Buffer[] = []
    const keep = (part: Buffer): unknown => kept.push(part)
    beside = (req, _res, next) => {
      // Sooner, it would have what comes before the proxy is ready.
      req.on('newListener', (name, listener) => {
        if (name === 'data' && listener !== keep) req.on('data', keep)
      })
      next()
    }

    expect(await upload()).toBe(digest(LONG))

    expect(digest(Buffer.concat(kept))).toBe(digest(LONG))
  })

  test('a middleware that looks at the first part alone', async () => {
    let first: Buffer | undefined
    const look = (part: Buffer): unknown => (first = part)
    beside = (req, _res, next) => {
      req.on('newListener', (name, listener) => {
        if (name === 'data' && first === undefined && listener !== look) req.once('data', look)
      })
      next()
    }

    expect(await upload()).toBe(digest(LONG))

    expect(first?.equals(LONG.subarray(0, first.length))).toBe(true)
    expect(first?.length).toBeGreaterThan(0)
  })

  test('an adapter that makes requests of what it has in memory', async () => {
    const body = Buffer.from(new ArrayBuffer(100_000)).fill('x')
    const req = new IncomingMessage(new Socket())
    Object.assign(req, {
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      method: 'POST',
      url: '/up',
      headers: { host: 'app.example', 'content-length': `${body.length}` },
    })
    req.rawHeaders = Object.entries(req.headers).flat() as string[]
    req._read = () => {
      req.push(body)
      req.push(null)
    }
    const res = new ServerResponse(req)
    const answered = new Promise((resolve) => res.once('finish', resolve))
    res.assignSocket(new Duplex({ read() {}, write: (_part, _encoding, callback) => callback() }) as unknown as Socket)
    site.app(req, res)
    await answered

    expect([res.statusCode, site.events]).toEqual([200, []])
    expect(body).toHaveLength(100_000)
  })

  test('a middleware that listens through the listeners of others', async () => {
    const kept: Buffer[] = []
    beside = (req, _res, next) => {
      const on = req.on.bind(req) as (...given: unknown[]) => IncomingMessage
      req.on = ((name: string, listener: (...given: unknown[]) => void) =>
        on(name, (...given: unknown[]) => {
          if (name === 'data') kept.push(given[0] as Buffer)
          listener(...given)
        })) as typeof req.on
      next()
    }

    expect(await upload()).toBe(digest(LONG))

    expect(digest(Buffer.concat(kept))).toBe(digest(LONG))
  })

  test.each([
    ['undici:request:bodyChunkReceived', async () => digest(await download())],
    ['undici:request:bodyChunkSent', upload],
  ])('a subscriber of %s', async (name, transfer) => {
    const kept: Buffer[] = []
    const keep = (message: unknown): unknown => kept.push((message as { chunk: Buffer }).chunk)
    subscribe(name, keep)
    try {
      expect(await transfer()).toBe(digest(LONG))
    } finally {
      unsubscribe(name, keep)
    }

    expect(digest(Buffer.concat(kept))).toBe(digest(LONG))
  })

  test('a subscriber that leaves before the part is written', async () => {
    const kept: Buffer[] = []
    const keep = (message: unknown): void => {
      kept.push((message as { chunk: Buffer }).chunk)
      if (kept.length === 3) process.nextTick(unsubscribe, 'undici:request:bodyChunkReceived', keep)
    }
    subscribe('undici:request:bodyChunkReceived', keep)

    expect(digest(await download())).toBe(digest(LONG))

    const bytes = Buffer.concat(kept)
    expect(bytes.equals(LONG.subarray(0, bytes.length))).toBe(true)
    expect(kept.every(({ length }) => length > 0)).toBe(true)
  })

  test('a subscriber that keeps the headers of answers', async () => {
    let headers: Buffer[] = []
    const keep = (message: unknown): void => {
      ;({ headers } = (message as { response: { headers: Buffer[] } }).response)
    }
    subscribe('undici:request:headers', keep)
    try {
      await download()
    } finally {
      unsubscribe('undici:request:headers', keep)
    }

    expect(headers.map(String)).toContain('Content-Length')
  })

  test('a stream that stands in for the connection', async () => {
    const kept: Buffer[] = []
    const connection = new Duplex({
      read() {},
      write(part: Buffer, _encoding, callback) {
        kept.push(part)
        callback()
      },
    })
    site.server.emit('connection', connection)
    connection.push(`GET /up HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n`)
    await new Promise((resolve) => connection.once('finish', resolve))

    const all = Buffer.concat(kept)
    expect(digest(all.subarray(all.indexOf('\r\n\r\n') + 4))).toBe(digest(LONG))
  })
})

describe('a part is given back', () => {
  test('if its buffer ends with it', () => {
    const all = Buffer.from(new ArrayBuffer(65_536))
    const [head, rest] = [all.subarray(0, 300), all.subarray(300)]

    giveBack(rest)

    expect([rest.length, head.length]).toEqual([0, 0])
  })

  test('not if something comes behind it', () => {
    const all = Buffer.from(new ArrayBuffer(65_536))

    giveBack(all.subarray(0, 60_000))

    expect(all).toHaveLength(65_536)
  })

  test('not if its buffer is one of those in which Node has many', () => {
    const { poolSize } = Buffer
    Buffer.poolSize = 1_048_576
    try {
      const parts = Array.from({ length: 1_000 }, () => Buffer.allocUnsafe(8_192).fill('x'))
      const last = parts.find(({ buffer, byteOffset }) => byteOffset + 8_192 === buffer.byteLength && byteOffset > 0)
      expect(last).toBeDefined()

      if (last !== undefined) giveBack(last)

      expect(parts.filter(({ length }) => length !== 8_192)).toEqual([])
    } finally {
      Buffer.poolSize = poolSize
    }
  })
})

async function startHttpUpstream(handler: RequestListener): Promise<Upstream> {
  const upstream = await startUpstream()
  upstream.answer(handler)
  return upstream
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64')
}
