import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Express } from 'express'
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws'
import type { AttachOptions, Latchkey, ProxyOptions } from '../../lib/index.ts'
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts'
import type { Browser } from './browser.ts'

export type UpgradeHandler = (req: IncomingMessage, socket: Socket, head: Buffer) => void

/** A resource server that speaks WebSocket, honestly until a test says otherwise. */
export interface SocketServer {
  readonly url: string
  /** Upgrades that arrived, in order. */
  readonly upgrades: { readonly url: string; readonly headers: IncomingHttpHeaders }[]
  /** Ordinary requests that arrived, in order. */
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[]
  /** Web sockets that were opened, in order. */
  readonly sockets: WebSocket[]
  /** Connections that are open. */
  readonly connections: ReadonlySet<Socket>
  /** From now on upgrades are answered so. */
  onUpgrade(handler: UpgradeHandler): void
  /** What an honest server does. */
  readonly accept: UpgradeHandler
  onRequest(handler: RequestListener): void
  close(): Promise<void>
}

export interface SocketServerOptions {
  /** Speaks TLS. */
  tls?: ServerOptions
  /** Listens on a unix socket; `url` is then without meaning. */
  socketPath?: string
}

export async function startSocketServer({ tls, socketPath }: SocketServerOptions = {}): Promise<SocketServer> {
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
  })
  const upgrades: SocketServer['upgrades'] = []
  const requests: SocketServer['requests'] = []
  const sockets: WebSocket[] = []
  const connections = new Set<Socket>()
  const accept: UpgradeHandler = (req, socket, head) =>
    webSockets.handleUpgrade(req, socket, head, (socketOpened) => {
      socketOpened.on('message', (data, isBinary) => socketOpened.send(data, { binary: isBinary }))
      socketOpened.on('error', () => {})
      sockets.push(socketOpened)
    })
  let upgrade = accept
  let answer: RequestListener = (_req, res) => void res.end('ordinary')
  const listener: RequestListener = (req, res) => {
    requests.push({ url: req.url ?? '', headers: req.headers })
    answer(req, res)
  }
  const server = tls === undefined ? createServer(listener) : createHttpsServer(tls, listener)
  server.on('upgrade', (req, socket: Socket, head) => {
    upgrades.push({ url: req.url ?? '', headers: req.headers })
    socket.on('error', () => {})
    upgrade(req, socket, head)
  })
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  await new Promise<void>((resolve) => {
    if (socketPath === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(socketPath, resolve)
  })
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${socketPath === undefined ? (server.address() as AddressInfo).port : 0}`,
    upgrades,
    requests,
    sockets,
    connections,
    onUpgrade: (handler) => (upgrade = handler),
    accept,
    onRequest: (handler) => (answer = handler),
    async close() {
      for (const socket of connections) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface WebSocketSite extends TestApp {
  readonly upstream: SocketServer
  /** A web socket as a page of the site opens it. */
  open(browser: Browser, path?: string, options?: ClientOptions & { protocols?: string[]; at?: string }): WebSocket
}

export interface WebSocketSiteOptions extends Omit<TestAppOptions, 'routes' | 'attach'> {
  attach?: AttachOptions
  proxy?: ProxyOptions
  /** Before the proxy. */
  routes?: (app: Express, auth: Latchkey, upstream: SocketServer) => void
}

/** A test app with a web socket server behind `/live`, guarded. */
export async function startWebSocketSite(options: WebSocketSiteOptions = {}): Promise<WebSocketSite> {
  const { attach = {}, proxy = {}, routes, ...given } = options
  const upstream = await startSocketServer()
  const site = await startTestApp({
    ...given,
    attach,
    routes(app, auth) {
      routes?.(app, auth, upstream)
      app.use('/live', auth.requireAuth(), auth.proxy(upstream.url, proxy))
    },
  })
  // Not copied: its getters would be asked too early.
  return Object.assign(Object.create(site) as TestApp, {
    upstream,
    open(
      browser: Browser,
      path = '/live',
      { protocols = [], at = site.url, ...rest }: ClientOptions & { protocols?: string[]; at?: string } = {},
    ) {
      const cookie = browser.cookieHeader(site.url + path)
      const socket = new WebSocket(at.replace('http:', 'ws:') + path, protocols, {
        ...rest,
        headers: { origin: site.url, ...(cookie !== '' && { cookie }), ...rest.headers },
      })
      socket.on('error', () => {})
      return socket
    },
    async close() {
      await site.close()
      await upstream.close()
    },
  }) as WebSocketSite
}

/** Resolves with the status and body of the answer that a web socket was refused with. */
export async function refusal(
  socket: WebSocket,
): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }
}

export async function opened(socket: WebSocket): Promise<WebSocket> {
  if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
  return socket
}

/** The next message. */
export async function message(socket: WebSocket): Promise<string> {
  const [data] = (await once(socket, 'message')) as [Buffer]
  return data.toString()
}

/** How it was closed. */
export async function closed(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return { code, reason: reason.toString() }
}
