import type { Response } from 'express'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import type { AuthError } from '../../errors.ts'
import { isEventStream } from '../../event-stream.ts'
import { judgeHead, type AnswerHead } from '../../protocol/refusal.ts'
import { AnswerWriter } from './answer-writer.ts'
import { ClientReading } from './client-reading.ts'
import type { Connection } from './connection.ts'
import { valueOf, type RawHeaders } from '../headers/headers.ts'
import { HeldAnswer } from './held-answer.ts'
import { passOn } from './informational.ts'
import { ANSWERED, uploadOf, type ForwardOptions, type ForwardOutcome, type ForwardRequest } from './forward-request.ts'
import { headOf, isRefused, type OnRefusal } from './refusal.ts'
import { isOfConnecting, tooLate, upstreamError } from './upstream-error.ts'
import { signedOut } from '../live/live-answer.ts'

const AGAIN: ForwardOutcome = { kind: 'again' }

/** Answers that have no body, whatever their headers say (RFC 9112 §6.3). */
const BODILESS = new Set([204, 304])

const CLIENT_STALLED = new Error('the client reads no more')
const TIME_IS_UP = new Error('an event stream ends when its time is up')
const CLIENT_GONE = new Error('the client has gone')
const NOT_ASKED = new Error('101 without the protocol to go on in')
const SENT_AGAIN = new Error('sent again with another token')

/** Of the target. */
const NO_FAULT = new Set<unknown>([CLIENT_STALLED, TIME_IS_UP])

/**
 * One request on its way over a connection, which it releases: each side goes as fast as the slower one, and when one leaves, the other is
 * told. undici calls the methods in this order: `onConnect` when the request is about to be written, `onHeaders` for each
 * informational answer and the real one, `onData`, `onComplete`; or `onError` at any point. They are those of its older interface, which
 * hands out headers as they came: the newer one makes an object of each answer's headers first.
 */
export class Forwarding implements Dispatcher.DispatchHandler {
  readonly #connection: Connection
  readonly #request: ForwardRequest
  readonly #res: Response
  readonly #options: ForwardOptions
  #resolve: (outcome: ForwardOutcome) => void = notBegun
  #reject: (error: AuthError) => void = notBegun
  readonly #writer: AnswerWriter
  /** From when it reads slower than the target writes. */
  #client: ClientReading | undefined
  /** From when the request is written. */
  #abort: ((reason: Error) => void) | undefined
  #resume: (() => void) | undefined
  /** While it is decided whether this is the answer. */
  #held: HeldAnswer | undefined
  #stopTimer: (() => void) | undefined
  /** Until the head of the answer comes. Another one for each timer. */
  #stopHeadTimer: (() => void) | undefined
  /** The caller has heard how it ended; what undici may still say is of no interest. */
  #isSettled = false
  #hasEnded = false
  /** One that is never meant to end by itself. */
  #isEventStream = false

  constructor(connection: Connection, request: ForwardRequest, res: Response, options: ForwardOptions) {
    this.#connection = connection
    this.#request = request
    this.#res = res
    this.#options = options
    this.#writer = new AnswerWriter(res, options)
  }

  /** @throws {AuthError} while there is still an answer to give. One that is cut off later is cut off for the client as well. */
  send(): Promise<ForwardOutcome> {
    const { deadline, runtime } = this.#options
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (deadline !== undefined) this.#stopTimer = runtime.after(deadline - runtime.monotonic(), this.#expire)
      this.#connection.dispatch(this.#request, this)
    })
  }

  /** There is nobody to answer any more. */
  leave(): void {
    if (this.#isSettled) return
    this.#settle()
    this.#resolve(ANSWERED)
    this.#abort?.(CLIENT_GONE)
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#connection.succeeded()
    // Nobody waits for it any more. Thrown, because `abort` would take the connection with it.
    if (this.#hasOtherAnswer()) throw CLIENT_GONE
    if (this.#options.live.isSignedOut) {
      this.#fail(signedOut())
      throw CLIENT_GONE
    }
    this.#abort = abort
    this.#awaitHead()
  }

  /** @param chunk the part itself, although undici's types call it a size. */
  onBodySent(chunk: unknown): void {
    uploadOf(this.#request)?.sent(chunk as Buffer, this.#connection.socket)
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (status === 101) throw NOT_ASKED
    if (status < 200) {
      if (!this.#isSettled) passOn(status, raw, this.#res, this.#options.token)
      this.#awaitHead()
      return true
    }
    this.#stopAwaitingHead()
    uploadOf(this.#request)?.answered()
    if (this.#hasOtherAnswer()) return false
    this.#resume = resume
    const { onRefusal } = this.#options
    if (onRefusal === undefined) return this.#answer(status, raw)
    const head = headOf(status, raw)
    if (judgeHead(onRefusal.expiredTokenAnswers, head) === 'other') return this.#answer(status, raw)
    this.#held = new HeldAnswer()
    void this.#decide(this.#held, head, raw, onRefusal)
    return true
  }

  onUpgrade(_status: number, rawHeaders: Buffer[], socket: Socket): void {
    this.#ended()
    if (this.#hasOtherAnswer()) return void socket.destroy()
    try {
      this.#options.onUpgrade?.({ rawHeaders, socket, from: this.#connection.upstream.target })
      this.#settle()
      this.#resolve(ANSWERED)
    } catch (error) {
      socket.destroy()
      this.#fail(error)
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.#hasOtherAnswer()) return false
    if (this.#held !== undefined) return this.#held.add(chunk)
    if (this.#writer.write(chunk)) return true
    this.#client ??= new ClientReading(this.#res, this.#options.idleTimeoutMs, {
      onDrain: () => this.#resume?.(),
      onStalled: () => this.#fail(CLIENT_STALLED),
    })
    this.#client.waitFor()
    return false
  }

  onComplete(trailers: RawHeaders | null): void {
    this.#ended()
    if (this.#held === undefined) this.#complete(trailers)
    else this.#held.end(trailers)
  }

  onError(error: Error): void {
    // Said even when nobody waits any more: this may have been the one that tries the target for all others.
    const isUnsent = this.#abort === undefined && error !== CLIENT_GONE
    const isUnreachable = isUnsent && isOfConnecting(error) && error !== uploadOf(this.#request)?.errored
    if (isUnreachable) this.#connection.failed(error)
    this.#ended()
    // Where it was not to be written, undici has begun to read the body all the same.
    if (error === CLIENT_GONE) return void uploadOf(this.#request)?.destroy()
    if (!isUnreachable) return this.#held === undefined ? this.#fail(error) : this.#held.fail(error)
    if (this.#hasOtherAnswer()) return
    this.#settle()
    this.#resolve({ kind: 'unsent', error: upstreamError(error) })
  }

  #answer(status: number, raw: RawHeaders): true {
    this.#begin(status, raw)
    // undici misses the body that the length, where there is one, would be that of (RFC 9110 §8.6), and calls the answer broken.
    if (BODILESS.has(status)) this.#complete(null)
    return true
  }

  #begin(status: number, raw: RawHeaders): void {
    this.#writer.begin(status, raw, this.#connection.upstream.target)
    // Without a deadline nobody asks.
    if (this.#options.deadline !== undefined) this.#isEventStream = isEventStream(valueOf(raw, 'content-type'))
  }

  #complete(trailers: RawHeaders | null): void {
    if (this.#hasOtherAnswer()) return
    this.#settle()
    this.#resolve(ANSWERED)
    try {
      this.#writer.end(trailers)
    } catch {
      this.#writer.cut() // what a middleware throws would end the process, from here
    }
  }

  /** Tells the client, as far as that is still possible, and the target. */
  #fail(error: unknown): void {
    if (this.#hasOtherAnswer()) return
    this.#settle()
    if (this.#res.headersSent) {
      this.#writer.cut()
      this.#resolve(NO_FAULT.has(error) ? ANSWERED : { kind: 'cut', error: upstreamError(error) })
    } else this.#reject(upstreamError(error))
    this.#abort?.(error instanceof Error ? error : CLIENT_GONE)
  }

  /** There is nobody to answer, or the application has done so itself: it may limit the time. */
  #hasOtherAnswer(): boolean {
    if (this.#res.writableEnded) this.leave()
    return this.#isSettled
  }

  async #decide(answer: HeldAnswer, head: AnswerHead, raw: Buffer[], onRefusal: OnRefusal): Promise<void> {
    try {
      const isDropped =
        (await isRefused(head, answer, onRefusal, this.#options.runtime)) && (await onRefusal.sendAgain())
      if (this.#hasOtherAnswer()) return
      if (isDropped) return this.#drop(answer)
      this.#held = undefined
      if (answer.error !== undefined) return this.#fail(answer.error)
      this.#begin(head.status, raw)
      for (const chunk of answer.chunks) this.#writer.write(chunk)
      if (answer.isComplete) return this.#complete(answer.trailers)
      this.#resume?.()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** An answer that is all there leaves its connection to the next request. */
  #drop(answer: HeldAnswer): void {
    this.#settle()
    this.#resolve(AGAIN)
    if (!answer.isComplete) this.#abort?.(SENT_AGAIN)
  }

  #settle(): void {
    this.#isSettled = true
    this.#held = undefined
    this.#client?.done()
    this.#stopTimer?.()
    this.#stopAwaitingHead()
  }

  /** undici is done with it. */
  #ended(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#connection.release()
  }

  /** A body that streams takes its time: there undici does this, which sees how it goes on. */
  #awaitHead(): void {
    this.#stopAwaitingHead()
    if (this.#isSettled || uploadOf(this.#request) !== undefined) return
    const { runtime } = this.#options
    this.#stopHeadTimer = runtime.after(this.#connection.upstream.headersTimeoutMs, this.#onHeadLate)
  }

  /** One for the object, as {@link #expire} is: of those made for each timer V8 kept many, each with its whole request, until a full collection. */
  readonly #onHeadLate = (): void => {
    // Where the process stood still, the answer may be there, and be read before this is called.
    const stop = this.#stopHeadTimer
    setImmediate(() => {
      if (this.#stopHeadTimer === stop) this.#expire()
    })
  }

  #stopAwaitingHead(): void {
    this.#stopHeadTimer?.()
    this.#stopHeadTimer = undefined
  }

  readonly #expire = (): void => {
    this.#fail(this.#isEventStream ? TIME_IS_UP : tooLate())
  }
}

function notBegun(): void {}
