import type { Response } from 'express'
import type { Dispatcher } from 'undici'
import { AuthError } from '../errors.ts'
import { responseHeaders } from './headers.ts'

export interface ForwardOptions {
  /** The target may not set this cookie. */
  readonly sessionCookie: string
  /** The token was refused: should the request be sent again? The answer waits for the decision; `true` drops it. */
  readonly onRefused: (() => Promise<boolean>) | undefined
}

/** A refusal that waits for the decision. Kept rather than left on the wire, so that the connection can be used again. */
interface HeldAnswer {
  readonly chunks: Buffer[]
  length: number
  isComplete: boolean
  error: Error | undefined
}

/** A refusal is a few words; a longer one waits on the wire. */
const MAX_HELD_BYTES = 65_536

/** `again`: nothing was written; the request is to be sent again. */
export type ForwardOutcome = 'answered' | 'again'

const CLIENT_GONE = new Error('the client has gone')
const SENT_AGAIN = new Error('sent again with another token')

const NOTHING = Buffer.alloc(0)

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/**
 * Sends one request and streams its answer to `res`: each side goes as fast as the slower one, and when one leaves, the other is told.
 *
 * @throws {AuthError} `ERR_AUTH_UPSTREAM` or `ERR_AUTH_UPSTREAM_TIMEOUT`, while there is still an answer to give. An answer that is cut
 * off later is cut off for the client as well.
 */
export async function forward(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  res: Response,
  options: ForwardOptions,
): Promise<ForwardOutcome> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let held: HeldAnswer | undefined
    let hasBody = false
    const write = (chunk: Buffer): boolean => {
      hasBody = true
      return res.write(chunk)
    }
    const clientGone = (): void => {
      if (!res.writableFinished) controller?.abort(CLIENT_GONE)
    }
    const finish = (settle: () => void): void => {
      res.off('close', clientGone)
      settle()
    }
    const begin = (status: number, raw: readonly (Buffer | string)[]): void => {
      for (const [name, values] of responseHeaders(raw, options.sessionCookie))
        res.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
      // What came with a user's token is that user's, unless the target says otherwise.
      if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store')
      // What is there by the end of this turn goes out as one packet: the head, and a short body with its end.
      res.cork()
      res.writeHead(status)
      process.nextTick(() => {
        res.uncork()
        // A head whose body is still to come: `flushHeaders()` would write Latin-1 as UTF-8. Not while corked, where Node 24 takes it for
        // the end of a chunked body.
        if (!hasBody && !res.writableEnded) res.write(NOTHING)
      })
    }
    const decide = async (answer: HeldAnswer, onRefused: () => Promise<boolean>, pass: () => void): Promise<void> => {
      const drop = (settle: () => void): void => {
        held = undefined
        finish(settle)
        if (!answer.isComplete) controller?.abort(SENT_AGAIN)
      }
      try {
        if (await onRefused()) return drop(() => resolve('again'))
        held = undefined
        if (answer.error !== undefined) return fail(answer.error)
        pass()
        for (const chunk of answer.chunks) write(chunk)
        if (answer.isComplete) return complete()
        controller?.resume()
      } catch (error) {
        drop(() => reject(error instanceof AuthError ? error : upstreamError(error)))
      }
    }
    const complete = (): void => {
      res.end()
      finish(() => resolve('answered'))
    }
    const fail = (error: Error): void => {
      if (error === CLIENT_GONE || res.headersSent) {
        res.destroy()
        return finish(() => resolve('answered'))
      }
      finish(() => reject(upstreamError(error)))
    }
    res.on('close', clientGone)

    dispatcher.dispatch(request, {
      onRequestStart(started) {
        controller = started
        if (res.closed) started.abort(CLIENT_GONE)
      },
      onResponseStart(started, status) {
        if (status < 200) return
        const pass = (): void => begin(status, (started.rawHeaders ?? []) as Buffer[])
        if (status !== 401 || options.onRefused === undefined) return pass()
        held = { chunks: [], length: 0, isComplete: false, error: undefined }
        void decide(held, options.onRefused, pass)
      },
      onResponseData(started, chunk) {
        if (held !== undefined) {
          held.chunks.push(chunk)
          held.length += chunk.length
          if (held.length > MAX_HELD_BYTES) started.pause()
          return
        }
        if (write(chunk)) return
        started.pause()
        res.once('drain', () => started.resume())
      },
      onResponseEnd() {
        if (held === undefined) return complete()
        held.isComplete = true
      },
      onResponseError(_controller, error) {
        if (error === SENT_AGAIN) return
        if (held === undefined || error === CLIENT_GONE) return fail(error)
        held.error = error
      },
    })
  })
}

function upstreamError(cause: unknown): AuthError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (TIMEOUTS.has(code))
    return new AuthError('ERR_AUTH_UPSTREAM_TIMEOUT', 'the target of the proxy takes too long', { cause })
  return new AuthError('ERR_AUTH_UPSTREAM', 'the target of the proxy cannot be reached', { cause })
}
