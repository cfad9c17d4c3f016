import type { Response } from 'express'
import { answerTrailers } from './answer-trailers.ts'
import { responseHeaders, type AnswerRules, type RawHeaders } from '../headers/headers.ts'
import { giverOf, goesToKernel } from './spent-buffers.ts'
import type { Target } from '../target.ts'
import { masked, TokenMask } from '../headers/token-mask.ts'

const NOTHING = Buffer.alloc(0)

/** So much may wait for a client that reads slower than the target writes. To stop and go on at every part costs more than the parts. Bytes. */
const MAX_AHEAD = 524_288

/** So much of a body goes out in one string with its head: to hand over two parts costs more than to copy this one. Bytes. */
const MAX_TEXT = 4_096

/** Lists of which an application that has set the header wants its own kept, beside the target's. */
const ADDED_TO = ['set-cookie', 'vary']

export interface AnswerSettings {
  readonly rules: AnswerRules
  /** That the request was sent with. */
  readonly token: string | undefined
}

/** Writes a target's answer to the client, packed as it comes. */
export class AnswerWriter {
  readonly #res: Response
  readonly #settings: AnswerSettings
  /** Of an answer that is an error. */
  #mask: TokenMask | undefined
  /** What of the body came together with the head; often all of it. */
  #first: Buffer = NOTHING
  /** The head waits for the end of this turn, so that both go out as one packet. */
  #isWaiting = false
  #hasLength = false
  #from: Target | undefined

  constructor(res: Response, settings: AnswerSettings) {
    this.#res = res
    this.#settings = settings
  }

  /** @param from where the answer comes from. */
  begin(status: number, raw: RawHeaders, from: Target): void {
    const { rules, token } = this.#settings
    this.#from = from
    const headers = responseHeaders(raw, rules, from, status)
    if (token !== undefined) {
      maskAll(headers, token)
      if (status >= 400) this.#mask = new TokenMask(token)
    }
    writeHead(this.#res, status, headers, this.#complete(headers))
    this.#isWaiting = true
    process.nextTick(flush, this)
  }

  /** @returns whether there is room for more; `drain` says when. */
  write(chunk: Buffer): boolean {
    const bytes = this.#mask === undefined ? chunk : this.#mask.body(chunk)
    if (bytes.length === 0) return true
    if (this.#isWaiting && this.#first.length === 0) {
      this.#first = bytes
      return true
    }
    this.flush()
    if (this.#send(bytes)) return true
    // Where a middleware has put its own `write` in the way, as compression does, what waits is not in the response.
    return !Object.hasOwn(this.#res, 'write') && this.#res.writableLength < MAX_AHEAD
  }

  end(trailers: RawHeaders | null): void {
    if (trailers !== null && trailers.length > 0) this.#addTrailers(trailers)
    const rest = this.#mask?.end() ?? NOTHING
    const { length } = this.#first
    if (length > 0 && rest.length > 0) this.flush()
    const last = length > 0 && rest.length === 0 ? this.#first : rest
    // Of unknown length, it has the size of a chunk in between.
    const isShort = this.#isWaiting && this.#hasLength && last.length <= MAX_TEXT
    this.#isWaiting = false
    if (last.length === 0) this.#res.end()
    else if (isShort && goesToKernel(this.#res)) this.#res.end(last.toString('latin1'), 'latin1')
    else this.#res.end(last)
  }

  /** The answer ends before its end, and the client is to see that it does. */
  cut(): void {
    const res = this.#res
    // Where nothing but the end of the connection ends a body (HTTP/1.0), only a reset is something else.
    const { socket } = res
    const isTcp = socket?.remoteFamily !== undefined // others know no reset, and throw
    if (socket !== null && isTcp && !this.#hasLength && !res.chunkedEncoding && !('encrypted' in socket))
      socket.resetAndDestroy()
    res.destroy()
  }

  /** Writes the head, with what there is of a body. */
  flush(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    if (this.#res.writableEnded) return // by the application
    // Without a body: `flushHeaders()` would write Latin-1 as UTF-8.
    this.#send(this.#first)
    this.#first = NOTHING
  }

  #send(bytes: Buffer): boolean {
    return this.#res.write(bytes, this.#mask === undefined ? giverOf(bytes, this.#res) : undefined)
  }

  #addTrailers(raw: RawHeaders): void {
    if (this.#from === undefined || !this.#res.chunkedEncoding) return
    const trailers = answerTrailers(raw, this.#res, this.#settings.rules, this.#from)
    for (const trailer of trailers) trailer[1] = masked(trailer[1], this.#settings.token)
    this.#res.addTrailers(trailers)
  }

  /** @returns whether each name is there once. */
  #complete(headers: string[]): boolean {
    const res = this.#res
    const names = new Set<string>()
    for (let at = 0; at < headers.length; at += 2) names.add(headers[at] as string)
    let isDistinct = names.size * 2 === headers.length
    this.#hasLength = names.has('content-length')
    // What came with a user's token is that user's, unless the target or the application says otherwise.
    if (!names.has('cache-control') && !res.hasHeader('cache-control')) headers.push('cache-control', 'no-store')
    for (const name of ADDED_TO) {
      const own = names.has(name) ? res.getHeader(name) : undefined
      if (own === undefined) continue
      for (const value of Array.isArray(own) ? own : [String(own)]) headers.push(name, value)
      isDistinct = false
    }
    return isDistinct
  }
}

/** But for what is no text. */
function maskAll(headers: string[], token: string): void {
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at] !== 'content-length') headers[at + 1] = masked(headers[at + 1] as string, token)
}

function flush(writer: AnswerWriter): void {
  try {
    writer.flush()
  } catch {
    writer.cut() // what a middleware throws would end the process, from here
  }
}

function writeHead(res: Response, status: number, headers: string[], isDistinct: boolean): void {
  // Whoever wants to see the headers before they go out, as express-session and compression do, may not know flat lists. And Node 20 keeps
  // only the last of several alike, where the response has headers already.
  if (isDistinct && !Object.hasOwn(res, 'writeHead')) {
    res.writeHead(status, headers)
    return
  }
  const byName = new Map<string, string[]>()
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2)
    byName.set(name, [...(byName.get(name) ?? []), value])
  }
  for (const [name, values] of byName) res.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  res.writeHead(status)
}
