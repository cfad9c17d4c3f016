import type { Response } from 'express'
import { responseHeaders, type AnswerRules } from './headers.ts'
import { TokenMask } from './token-mask.ts'

const NOTHING = Buffer.alloc(0)

/** Writes a target's answer to the client, packed as it comes. */
export class AnswerWriter {
  readonly #res: Response
  readonly #rules: AnswerRules
  readonly #token: string
  /** Of an answer that is an error. */
  #mask: TokenMask | undefined
  #hasBody = false

  /** @param token that the request was sent with. */
  constructor(res: Response, rules: AnswerRules, token: string) {
    this.#res = res
    this.#rules = rules
    this.#token = token
  }

  begin(status: number, raw: readonly (Buffer | string)[]): void {
    const res = this.#res
    const mask = status < 400 ? undefined : new TokenMask(this.#token)
    this.#mask = mask
    const headers = responseHeaders(raw, this.#rules)
    // They replace what is there under the same name, and can be several themselves.
    for (let at = 0; at < headers.length; at += 2) res.removeHeader(headers[at] as string)
    for (let at = 0; at < headers.length; at += 2) {
      const value = headers[at + 1] as string
      res.appendHeader(headers[at] as string, mask === undefined ? value : mask.header(value))
    }
    // What came with a user's token is that user's, unless the target says otherwise.
    if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store')
    // What is there by the end of this turn goes out as one packet: the head, and a short body with its end.
    res.cork()
    res.writeHead(status)
    process.nextTick(() => {
      res.uncork()
      // A head whose body is still to come: `flushHeaders()` would write Latin-1 as UTF-8. Not while corked, where Node 24 takes it for
      // the end of a chunked body.
      if (!this.#hasBody && !res.writableEnded) res.write(NOTHING)
    })
  }

  /** @returns whether there is room for more; `drain` says when. */
  write(chunk: Buffer): boolean {
    const bytes = this.#mask === undefined ? chunk : this.#mask.body(chunk)
    if (bytes.length === 0) return true
    this.#hasBody = true
    return this.#res.write(bytes)
  }

  end(): void {
    const rest = this.#mask?.end() ?? NOTHING
    if (rest.length === 0) this.#res.end()
    else this.#res.end(rest)
  }
}
