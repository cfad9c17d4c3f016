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
      process.nextTick(() => res.uncork())
      res.writeHead(status)
      res.write(NOTHING) // and with it the head; `flushHeaders()` would write Latin-1 as UTF-8
    }
    const decide = async (
      held: Dispatcher.DispatchController,
      onRefused: () => Promise<boolean>,
      pass: () => void,
    ): Promise<void> => {
      try {
        if (await onRefused()) {
          finish(() => resolve('again'))
          held.abort(SENT_AGAIN)
          return
        }
        pass()
        held.resume()
      } catch (error) {
        finish(() => reject(error instanceof AuthError ? error : upstreamError(error)))
        held.abort(SENT_AGAIN)
      }
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
        started.pause()
        void decide(started, options.onRefused, pass)
      },
      onResponseData(started, chunk) {
        if (res.write(chunk)) return
        started.pause()
        res.once('drain', () => started.resume())
      },
      onResponseEnd() {
        res.end()
        finish(() => resolve('answered'))
      },
      onResponseError(_controller, error) {
        if (error === SENT_AGAIN) return
        if (error === CLIENT_GONE || res.headersSent) {
          res.destroy()
          return finish(() => resolve('answered'))
        }
        finish(() => reject(upstreamError(error)))
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
