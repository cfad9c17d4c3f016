import { createServer as createHttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { RequestListener, Server as HttpServer, ServerOptions as HttpServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer, ServerOptions as HttpsServerOptions } from 'node:https'
import { versions } from 'node:process'
import { continueWhenRead } from './expect-continue.ts'

/** Node's own options. With `key`, `cert`, `pfx` or `SNICallback` it is an https server. */
export type ServerOptions = HttpServerOptions & HttpsServerOptions

const TLS_OPTIONS = ['key', 'cert', 'pfx', 'SNICallback'] as const

/** @param app an Express application, or anything else that answers requests. */
export function createServer(app: RequestListener, options: ServerOptions): HttpServer | HttpsServer {
  const isTls = TLS_OPTIONS.some((name) => options[name] !== undefined)
  const all = { ...constructorsOf(app), ...options }
  const server = isTls ? createHttpsServer(all, app) : createHttpServer(all, app)
  continueWhenRead(server, app)
  return server
}

/** From here on V8 does not mind what Express does to requests, and other constructors than Node's own cost a little. */
const FIRST_INDIFFERENT_NODE = 24

type Constructors = Pick<HttpServerOptions, 'IncomingMessage' | 'ServerResponse'>

/**
 * Express changes the prototype of each request and response to its application's own, after which V8 up to that of Node 23 is slow at
 * whatever is done with them: an empty route takes three times as long. Made with those prototypes, they need no change.
 */
function constructorsOf(app: RequestListener): Constructors {
  if (Number.parseInt(versions.node, 10) >= FIRST_INDIFFERENT_NODE) return {}
  const { request, response } = app as { request?: unknown; response?: unknown }
  return {
    ...(request instanceof IncomingMessage && { IncomingMessage: withPrototype(IncomingMessage, request) }),
    ...(response instanceof ServerResponse && { ServerResponse: withPrototype(ServerResponse, response) }),
  }
}

/** Makes what `constructor` makes. Node's are functions that can be called, other than classes. */
function withPrototype<C extends typeof IncomingMessage | typeof ServerResponse>(constructor: C, prototype: object): C {
  function Made(this: object, ...given: readonly unknown[]): void {
    Reflect.apply(constructor, this, given)
  }
  Made.prototype = prototype
  return Made as unknown as C
}
