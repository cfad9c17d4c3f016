import type { RequestHandler } from 'express'
import type { IncomingMessage } from 'node:http'
import type Provider from 'oidc-provider'

import type { RawExchange } from '../wire/exchange.ts'

const MAX = 2_000

type Entry = { -readonly [K in keyof RawExchange]: RawExchange[K] }

/** Keeps the last requests of a server with their answers. Bodies of requests only where the server tells of them; of answers never. */
export class Recorder {
  readonly log: RawExchange[] = []
  #refreshes = 0
  readonly #entries = new WeakMap<IncomingMessage, Entry>()

  readonly middleware: RequestHandler = (req, res, next) => {
    const { method, originalUrl: target, rawHeaders } = req
    const headers = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : [])) // prettier-ignore
    const entry: Entry = { at: Date.now(), method, target, headers, body: '' }
    this.#entries.set(req, entry)
    this.log.push(entry)
    if (this.log.length > MAX) this.log.shift()
    res.once('finish', () => {
      const answerHeaders = Object.entries(res.getHeaders()).map(([name, value]) => [name, String(value)] as const)
      entry.answer = { status: res.statusCode, headers: answerHeaders, body: '' }
    })
    next()
  }

  get refreshes(): number {
    return this.#refreshes
  }

  /** The server reads the body of a request as a stream, which nobody else can do as well. Afterwards it says what was in it. */
  watch(provider: Provider): void {
    const note = (req: IncomingMessage, body: Readonly<Record<string, unknown>> | undefined): void => {
      if (body?.['grant_type'] === 'refresh_token') this.#refreshes += 1
      const entry = this.#entries.get(req)
      const parameters = Object.entries(body ?? {}).map(([name, value]): [string, string] => [name, String(value)])
      if (entry !== undefined) entry.body = new URLSearchParams(parameters).toString()
    }
    provider.on('grant.success', (ctx) => note(ctx.req, ctx.oidc.body))
    provider.on('grant.error', (ctx) => note(ctx.req, ctx.oidc.body))
    provider.on('grant.revoked', (ctx) => note(ctx.req, ctx.oidc.body))
  }
}
