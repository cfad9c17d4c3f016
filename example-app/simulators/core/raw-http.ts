import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { startHttpServer, type RunningHttpServer } from '../../http-server.ts'
import type { Answer, Header } from './answers.ts'
import type { Faults } from './faults.ts'

/** A request as its bytes said it: nothing decoded, joined or put in lower case. */
export interface RawRequest {
  readonly method: string
  /** Path and query exactly as sent. */
  readonly target: string
  /** The target up to the first `?`. */
  readonly path: string
  /** What follows the first `?`; undefined when there is none. */
  readonly query: string | undefined
  /** In the order and spelling of the client. */
  readonly headers: readonly Header[]
  readonly body: string
  /** How many other requests this server was answering when this one arrived. */
  readonly inFlight: number
}

/** One request and what became of it. */
export interface Exchange extends RawRequest {
  /** Epoch milliseconds on the simulator's clock. */
  readonly at: number
  /** Undefined while it is being answered, and for ever when the connection was cut instead (see {@link Faults}). */
  answer: Answer | undefined
}

/** @returns the value of a header, whatever its spelling; undefined when it is missing. */
export function headerOf(request: RawRequest, name: string): string | undefined {
  return request.headers.find(([header]) => header.toLowerCase() === name.toLowerCase())?.[1]
}

export interface RawServerOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined
  readonly now: () => number
  /** Every exchange is added here when its request has been read. */
  readonly log: Exchange[]
  /** Which faults this request is subject to. */
  readonly faultsOf: (request: RawRequest) => Faults | undefined
  readonly answer: (request: RawRequest) => Answer
}

/** Starts a server that hands over requests as they were sent and sends answers as they were written. */
export function startRawServer({ port, now, log, faultsOf, answer }: RawServerOptions): Promise<RunningHttpServer> {
  let inFlight = 0

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      inFlight -= 1
    })
    const request = await read(incoming, inFlight++)
    const exchange: Exchange = { ...request, at: now(), answer: undefined }
    log.push(exchange)

    const faults = faultsOf(request)
    if (faults !== undefined && faults.delayMs > 0) await delay(faults.delayMs)
    await faults?.hold
    const processed = answer(request)
    if (faults !== undefined && faults.answerDelayMs > 0) await delay(faults.answerDelayMs)

    if (faults !== undefined && faults.dropAnswers > 0) {
      faults.dropAnswers -= 1
      response.destroy()
      return
    }
    exchange.answer = faults === undefined ? processed : spoilt(faults, processed)
    write(response, exchange.answer)
  }

  return startHttpServer(
    (incoming, response) => {
      // A client that hangs up before its request is complete leaves nothing to answer.
      serve(incoming, response).catch(() => response.destroy())
    },
    port === undefined ? {} : { port },
  )
}

async function read(incoming: IncomingMessage, inFlight: number): Promise<RawRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)

  const target = incoming.url ?? '/'
  const mark = target.indexOf('?')
  const { rawHeaders } = incoming
  return {
    method: incoming.method ?? 'GET',
    target,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    headers: rawHeaders.flatMap((name, index): Header[] =>
      index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : [],
    ),
    body: Buffer.concat(chunks).toString('utf8'),
    inFlight,
  }
}

function spoilt(faults: Faults, processed: Answer): Answer {
  if (faults.failAnswers === 0) return processed
  faults.failAnswers -= 1
  return { status: 500, headers: [['Content-Type', 'text/html']], body: '<h1>Server Error (500)</h1>' }
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  const length = Buffer.byteLength(body)
  // As a flat list, Node.js keeps order, spelling and repetition.
  response.writeHead(status, [...headers, ['Content-Length', String(length)]].flat())
  response.end(body)
}
