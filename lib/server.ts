import { createServer as createHttpServer } from 'node:http'
import type { RequestListener, Server as HttpServer, ServerOptions as HttpServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer, ServerOptions as HttpsServerOptions } from 'node:https'
import { continueWhenRead } from './expect-continue.ts'
import { constructorsFor, isExpress } from './hidden-classes.ts'

/** Node's own options. With `key`, `cert`, `pfx` or `SNICallback` it is an https server. */
export type ServerOptions = HttpServerOptions & HttpsServerOptions

const TLS_OPTIONS = ['key', 'cert', 'pfx', 'SNICallback'] as const

/** @param app an Express application, or anything else that answers requests. */
export function createServer(app: RequestListener, options: ServerOptions): HttpServer | HttpsServer {
  const isTls = TLS_OPTIONS.some((name) => options[name] !== undefined)
  const all = { ...constructorsFor(app), ...options }
  leaveOutProduct(app)
  const server = isTls ? createHttpsServer(all, app) : createHttpServer(all, app)
  continueWhenRead(server)
  return server
}

/** It tells attackers what to try; and where a header was set before, Node checks each one of `writeHead()` once more. */
function leaveOutProduct(app: RequestListener): void {
  if (isExpress(app)) app.disable('x-powered-by')
}
