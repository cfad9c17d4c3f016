import express, { type Request, type RequestHandler, type Response } from 'express'
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { startHttpServer, type HttpServerOptions } from '../http-server.ts'
import { bearer, type BearerLocals } from './bearer.ts'
import type { IntrospectionOptions } from './introspection.ts'

export interface ApiOptions extends HttpServerOptions, IntrospectionOptions {
  /** Told of every answer, once it is sent or its client has gone. */
  readonly onAnswer?: (answer: ApiAnswer) => void
  /** Runs before everything else, for somebody who wants to watch. */
  readonly before?: RequestHandler
}

export interface ApiAnswer {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly status: number
}

export interface Api {
  /** Origin, without a trailing slash. */
  readonly url: string
  readonly port: number
  /** Cuts all connections. */
  close(): Promise<void>
}

type ApiResponse = Response<unknown, BearerLocals & Record<string, unknown>>

/** Starts the resource server that the example app calls for its users. Every route needs a good access token. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { host = '127.0.0.1', onAnswer, before } = options
  const app = express().disable('x-powered-by')

  if (before !== undefined) app.use(before)
  if (onAnswer !== undefined) {
    app.use(function reportAnswer(req, res, next) {
      const { method, path } = req
      res.once('close', () => onAnswer({ method, path, status: res.statusCode }))
      next()
    })
  }
  app.use(bearer(options))
  app.get('/orders', listOrders)
  app.post('/echo', echo)
  app.get('/stream', stream)
  app.get('/slow', slow)
  app.get('/me', describeToken)
  app.use((_req, res) => void res.status(404).json({ error: 'not_found' }))

  const server = await startHttpServer(app, options)
  return { url: `http://${host}:${server.port}`, port: server.port, close: () => server.close() }
}

function listOrders(_req: Request, res: ApiResponse): void {
  const { sub } = res.locals.token
  const orders = [
    { id: `${sub}-1`, item: 'Pocket watch', quantity: 1 },
    { id: `${sub}-2`, item: 'Tea, Earl Grey, 250 g', quantity: 2 },
    { id: `${sub}-3`, item: 'Playing cards', quantity: 52 },
  ]
  res.json({ owner: sub, orders })
}

/** Says what arrived, without keeping it: a body of any size can be checked by its digest. */
async function echo(req: Request, res: ApiResponse): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  res.json({
    method: req.method,
    contentType: req.get('content-type') ?? null,
    bytes,
    sha256: hash.digest('hex'),
    // Names only: values may be credentials.
    headers: Object.keys(req.headers).toSorted(),
  })
}

/** Server-sent events: `count` of them (default 5), one every `every` milliseconds (default 1000). */
async function stream(req: Request, res: ApiResponse): Promise<void> {
  const count = number(req.query['count'], { byDefault: 5, max: 3600 })
  const every = number(req.query['every'], { byDefault: 1000, max: 60_000 })
  const gone = new AbortController()
  res.once('close', () => gone.abort())

  res.set('Content-Type', 'text/event-stream').flushHeaders()
  for (let sent = 1; sent <= count && !gone.signal.aborted; sent += 1) {
    res.write(`id: ${sent}\ndata: ${JSON.stringify({ tick: sent, of: count })}\n\n`)
    if (sent < count) await waitUnless(gone.signal, every)
  }
  res.end()
}

/** Answers after `ms` milliseconds (default 1000). */
async function slow(req: Request, res: ApiResponse): Promise<void> {
  const ms = number(req.query['ms'], { byDefault: 1000, max: 60_000 })
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  await waitUnless(gone.signal, ms)
  if (!gone.signal.aborted) res.json({ waitedMs: ms })
}

function describeToken(_req: Request, res: ApiResponse): void {
  const { sub, scope, exp } = res.locals.token
  res.json({ sub, scope, expiresIn: exp - Math.floor(Date.now() / 1000) })
}

/** Waits, but no longer than somebody is there to be answered. */
async function waitUnless(gone: AbortSignal, ms: number): Promise<void> {
  try {
    await delay(ms, undefined, { signal: gone })
  } catch (error) {
    if (!gone.aborted) throw error
  }
}

function number(value: unknown, { byDefault, max }: { byDefault: number; max: number }): number {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : byDefault
  return Number.isFinite(parsed) ? Math.min(Math.max(parsed, 0), max) : byDefault
}
