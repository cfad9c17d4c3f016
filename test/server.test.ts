import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, IncomingMessage, request, ServerResponse, type RequestListener, type Server } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createSecureContext } from 'node:tls'
import express4 from 'express4'
import express5, { type Express } from 'express'
import { latchkey } from '../lib/index.ts'
import { oidc } from '../lib/providers/index.ts'
import { TLS_CERTIFICATE, TLS_KEY } from './support/tls-certificate.ts'

const auth = latchkey({
  baseUrl: 'http://127.0.0.1:3000',
  provider: oidc({ issuer: 'http://127.0.0.1:9', clientId: 'test-app', clientSecret: 'of the test app' }),
  secret: 'a secret for tests, and for tests alone',
})
const servers: Server[] = []

afterAll(async () => {
  for (const server of servers) server.closeAllConnections()
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  await auth.close()
})

async function listening(server: Server | ReturnType<typeof auth.createServer>): Promise<string> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly text: string
}

async function ask(url: string, method = 'GET', body = ''): Promise<Answer> {
  const send = url.startsWith('https:') ? secureRequest : request
  // Of the certificate its maker alone knows, and its first day may be one of the future.
  const outgoing = send(url, { method, agent: false, rejectUnauthorized: false })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
  const { date: _, ...headers } = answer.headers
  return { status: answer.statusCode, headers, text: Buffer.concat(chunks).toString() }
}

function build(express: typeof express5): Express {
  const app = express()
  const sub = express()
  const about = (own: Express): RequestListener =>
    ((req: express5.Request, res: express5.Response) => {
      res.json({
        isRequest: req instanceof IncomingMessage,
        isResponse: res instanceof ServerResponse,
        isOwn: [req.app === own, res.app === own, Object.getPrototypeOf(req) === own.request],
        constructors: [req.constructor === IncomingMessage, res.constructor === ServerResponse],
        keys: Object.keys(req).concat(Object.keys(res)).toSorted(),
        added: (req as unknown as { added?: string }).added,
        is: { secure: req.secure, protocol: req.protocol, ip: req.ip, path: req.path, url: req.originalUrl },
      })
    }) as RequestListener
  Object.assign(app.request, { added: 'to all requests of the application' })
  app.use('/sub', sub)
  sub.get('/about', about(sub))
  app.get('/about', about(app))
  app.get('/after-sub', about(app))
  sub.use((_req, _res, next) => next())
  app.get('/sub/left', about(app))
  app.post('/echo', express.json(), (req, res) => void res.status(201).location('/about').send(req.body))
  app.get('/redirect', (_req, res) => res.redirect('/about'))
  app.get('/cookie', (_req, res) => void res.cookie('a', 'b').cookie('c', 'd').type('html').send('<p>hello'))
  app.get('/thrown', () => {
    throw Object.assign(new Error('broken'), { status: 418, expose: true, stack: 'broken' })
  })
  return app
}

describe.each([
  ['4', express4],
  ['5', express5],
])('a server for an application of Express %s', (_version, express) => {
  const app = build(express)
  let ours: string
  let nodes: string
  beforeAll(async () => {
    ours = await listening(auth.createServer(app))
    nodes = await listening(createServer(app))
  })

  test.each([
    ['GET', '/about?a=b'],
    ['HEAD', '/about'],
    ['GET', '/sub/about'],
    ['GET', '/sub/left'],
    ['GET', '/redirect'],
    ['GET', '/cookie'],
    ['GET', '/thrown'],
    ['GET', '/nothing/here'],
    ['OPTIONS', '/echo'],
    ['POST', '/echo'],
  ])('answers as Node’s own does: %s %s', async (method, path) => {
    expect(await ask(`http://${ours}${path}`, method)).toEqual(await ask(`http://${nodes}${path}`, method))
  })

  test('hands the application its own requests', async () => {
    expect(JSON.parse((await ask(`http://${ours}/about`)).text)).toMatchObject({
      isRequest: true,
      isResponse: true,
      isOwn: [true, true, true],
      added: 'to all requests of the application',
      is: { secure: false, protocol: 'http', ip: '127.0.0.1' },
    })
    expect(JSON.parse((await ask(`http://${ours}/sub/about`)).text)).toMatchObject({ isOwn: [true, true, true] })
  })

  test('does not say what it is built with', async () => {
    const own = express()
    const asked = await listening(auth.createServer(own))
    expect((await ask(`http://${asked}/`)).headers).not.toHaveProperty('x-powered-by')
  })

  test('makes requests that Express need not change', async () => {
    const server = auth.createServer(app)
    const made: boolean[] = []
    server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
      made.push(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response)
    })
    await ask(`http://${await listening(server)}/about`)

    expect(made).toEqual([true, true])
  })

  test.each([
    ['key and cert', { key: TLS_KEY, cert: TLS_CERTIFICATE }],
    [
      'SNICallback',
      {
        SNICallback: (_name: string, done: (error: null, context: ReturnType<typeof createSecureContext>) => void) =>
          done(null, createSecureContext({ key: TLS_KEY, cert: TLS_CERTIFICATE })),
      },
    ],
  ])('is one for https with %s', async (_how, options) => {
    const address = await listening(auth.createServer(app, options))

    const answer = await ask(`https://${address.replace('127.0.0.1', 'localhost')}/about`)

    expect(JSON.parse(answer.text)).toMatchObject({
      isRequest: true,
      isOwn: [true, true, true],
      is: { secure: true, protocol: 'https' },
    })
  })
})

describe('a request whose client asks before it sends the body', () => {
  test('is told to whoever listens for requests', async () => {
    const server = auth.createServer(build(express5))
    const seen: string[] = []
    server.prependListener('request', (req: IncomingMessage) => void seen.push(req.headers.expect ?? 'at once'))
    const address = await listening(server)

    await ask(`http://${address}/echo`, 'POST', 'x')
    const asking = request(`http://${address}/echo`, { method: 'POST', headers: { expect: '100-continue' } })
    asking.on('continue', () => asking.end('x')).flushHeaders()
    await once(asking, 'response')
    asking.destroy()

    expect(seen).toEqual(['at once', '100-continue'])
  })

  test('is answered once where the application sees to such requests itself', async () => {
    const server = auth.createServer(build(express5))
    let requests = 0
    server.prependListener('request', () => (requests += 1))
    server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
      res.writeContinue()
      server.emit('request', req, res)
    })
    const address = await listening(server)

    const asking = request(`http://${address}/echo`, { method: 'POST', headers: { expect: '100-continue' } })
    asking.on('continue', () => asking.end('x')).flushHeaders()
    await once(asking, 'response')
    asking.destroy()

    expect(requests).toBe(1)
  })
})

describe('the options of a server', () => {
  test('are Node’s own', async () => {
    const address = await listening(auth.createServer(build(express5), { maxHeaderSize: 1_024 }))

    expect((await ask(`http://${address}/about`)).status).toBe(200)
    expect((await ask(`http://${address}/about?${'a'.repeat(2_000)}`)).status).toBe(431)
  })

  test('may name other requests and responses', async () => {
    class Counted extends IncomingMessage {
      static made = 0
      constructor(...given: ConstructorParameters<typeof IncomingMessage>) {
        super(...given)
        Counted.made += 1
      }
    }
    const app = build(express5)
    const address = await listening(auth.createServer(app, { IncomingMessage: Counted }))

    expect((await ask(`http://${address}/about`)).status).toBe(200)
    expect(Counted.made).toBe(1)
  })

  test('go with any handler', async () => {
    const address = await listening(auth.createServer((_req, res) => void res.end('no application')))

    expect((await ask(`http://${address}/`)).text).toBe('no application')
  })
})
