import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Request } from 'express'
import { AuthError } from '../../errors.ts'
import { ClientSending, type Patience } from './client-sending.ts'
import { giveBack, isNodes, isNodesBody, isWatched } from './spent-buffers.ts'

/** What is sent to the target. Only what is held in memory can be sent a second time. */
export type RequestBody =
  { readonly kind: 'repeatable'; readonly bytes: Buffer | null } | { readonly kind: 'stream'; readonly bytes: Upload }

/** So much may wait for a target that reads slower than the client writes. Bytes. */
const MAX_AHEAD = 262_144

/** Events of a stream with which somebody gets what is in it. */
const READING: readonly (string | symbol)[] = ['data', 'readable']

export const NO_BODY: RequestBody = { kind: 'repeatable', bytes: null }

/** Will the body be one that can be sent again? */
export function isRepeatable({ headers }: Request, maxReplayBytes: number): boolean {
  const length = headers['content-length']
  if (length === undefined) return headers['transfer-encoding'] === undefined
  return Number(length) <= maxReplayBytes
}

/** @throws {AuthError} `ERR_AUTH_TOO_LARGE` if the body is announced to be longer than `maxBodyBytes`. */
export function demandShort({ headers }: Request, maxBodyBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge()
}

export interface BodyLimits extends Patience {
  /** A body announced as no longer is read first, so that it can be repeated; a longer one, or one of unknown length, streams through. */
  readonly maxReplayBytes: number
  readonly maxBodyBytes: number
}

/**
 * Of a request that has one.
 *
 * @param deadline when one that is read first must be there; monotonic milliseconds.
 * @throws {AuthError} `ERR_AUTH_SETUP` if a body parser has eaten it; `ERR_AUTH_REQUEST_TIMEOUT`.
 */
export async function readBody(
  req: Request,
  limits: BodyLimits,
  deadline: number = Number.POSITIVE_INFINITY,
): Promise<RequestBody> {
  if (req.readableDidRead) {
    throw new AuthError(
      'ERR_AUTH_SETUP',
      'the request body was read before the proxy could forward it; mount body parsers after auth.proxy()',
    )
  }
  if (!isRepeatable(req, limits.maxReplayBytes)) return { kind: 'stream', bytes: new Upload(req, limits) }
  return { kind: 'repeatable', bytes: await readWhole(req, limits, deadline) }
}

function readWhole(req: Request, patience: Patience, deadline: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const client = new ClientSending(patience, () => fail(late()), deadline)
    const fail = (error: Error): void => {
      client.done()
      reject(error)
    }
    req.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      client.waitFor()
    })
    req.once('end', () => {
      client.done()
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
    })
    req.once('error', fail)
    // Somebody else has destroyed it, or the client left; by now, too, of which nothing is said any more.
    const close = (): void => fail(new Error('the request body ended early'))
    if (req.destroyed) return close()
    req.once('close', close)
    client.waitFor()
  })
}

/**
 * The body without the connection it comes over: a target that does not want it, or is not there, ends the upload, and the client must
 * still get its answer. Nothing is read before the target wants it.
 */
export class Upload extends Readable {
  readonly #req: Request
  readonly #maxBytes: number
  readonly #client: ClientSending
  #length = 0
  #isReading = false
  /** What was sent, but may not have been written. */
  readonly #sent: Buffer[] = []
  #sentBytes = 0
  /** Somebody else reads the body as well, or has. */
  #isShared: boolean
  readonly #onError = (error: Error): void => void this.destroy(error)

  /** A longer one ends in `ERR_AUTH_TOO_LARGE`; one that stops coming, in `ERR_AUTH_REQUEST_TIMEOUT`. */
  constructor(req: Request, limits: BodyLimits) {
    super({ highWaterMark: MAX_AHEAD })
    this.#req = req
    this.#maxBytes = limits.maxBodyBytes
    this.#client = new ClientSending(limits, () => this.destroy(late()))
    this.#isShared = READING.some((event) => req.listenerCount(event) > 0)
    req.on('newListener', this.#onListener)
    req.once('error', this.#onError)
    // Between two targets nobody else listens.
    this.on('error', () => {})
  }

  /**
   * A part was handed to the connection to the target. Those that are written by now are given back: what waits there is what was handed over
   * last, and headers and chunk sizes only add to it.
   */
  sent(part: Buffer, socket: Socket | undefined): void {
    const isOurs = !this.#isShared && this.listenerCount('data') === 1 && isNodesBody(this.#req)
    if (!isOurs || !isNodes(socket) || isWatched()) return this.#forgetSent()
    this.#sent.push(part)
    this.#sentBytes += part.length
    for (let [first] = this.#sent; first !== undefined; [first] = this.#sent) {
      if (this.#sentBytes - first.length < socket.writableLength) return
      this.#sent.shift()
      this.#sentBytes -= first.length
      giveBack(first)
    }
  }

  /** It is answered: how long that may take is limited already, and the rest may come when it likes. */
  answered(): void {
    this.#client.done()
  }

  override _read(): void {
    this.#client.waitFor()
    if (this.#isReading) {
      this.#req.resume()
      return
    }
    this.#isReading = true
    this.#req.on('data', this.#onData)
    this.#req.once('end', this.#onEnd)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const req = this.#req
    req.off('data', this.#onData).off('end', this.#onEnd).off('newListener', this.#onListener)
    this.#client.done()
    this.#forgetSent()
    // The client may only listen when it has sent everything. Of a body that was given up nothing more is read.
    if (isGivenUp(error)) req.pause()
    else req.resume()
    callback(error)
  }

  /** They are left to V8. */
  #forgetSent(): void {
    this.#sent.length = 0
    this.#sentBytes = 0
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#length += chunk.length
    if (this.#length > this.#maxBytes) this.destroy(tooLarge())
    else if (!this.push(chunk)) {
      this.#client.rest()
      this.#req.pause()
    }
  }

  readonly #onEnd = (): void => {
    this.#client.done()
    this.push(null)
  }

  readonly #onListener = (event: string | symbol, listener: unknown): void => {
    if (READING.includes(event) && listener !== this.#onData) this.#isShared = true
  }
}

/** Is it answered with the rest of the body unread? */
export function isGivenUp(error: unknown): boolean {
  return (
    error instanceof AuthError && (error.code === 'ERR_AUTH_TOO_LARGE' || error.code === 'ERR_AUTH_REQUEST_TIMEOUT')
  )
}

function late(): AuthError {
  return new AuthError('ERR_AUTH_REQUEST_TIMEOUT', 'the request body has not come in time')
}

function tooLarge(): AuthError {
  return new AuthError('ERR_AUTH_TOO_LARGE', 'the request body is longer than is accepted here')
}
