import type { Response } from 'express'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import { AuthError } from '../errors.ts'
import { judgeBody, judgeHead, MAX_LOOK_BYTES, MAX_LOOK_MS, type AnswerHead } from '../protocol/refusal.ts'
import type { AnswerPattern } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { AnswerWriter } from './answer-writer.ts'
import { HeldAnswer } from './held-answer.ts'

/** What to do about an answer that says that the token is not good any more. */
export interface OnRefusal {
  readonly expiredTokenAnswers: readonly AnswerPattern[]
  /** Should the request be sent again? The answer waits for the decision; `true` drops it. */
  sendAgain(): Promise<boolean>
}

export interface ForwardOptions {
  /** The target may not set this cookie. */
  readonly sessionCookie: string
  /** That the request goes with. */
  readonly token: string
  /** `undefined`: whatever comes is the answer. */
  readonly onRefusal: OnRefusal | undefined
  /** The target goes on in the protocol that `request.upgrade` offers. What it throws makes the answer a bad one. */
  readonly onUpgrade?: ((rawHeaders: Buffer[], socket: Socket) => void) | undefined
  readonly runtime: Runtime
}

/** `again`: nothing was written; the request is to be sent again. */
export type ForwardOutcome = 'answered' | 'again'

const CLIENT_GONE = new Error('the client has gone')
const NOT_ASKED = new Error('101 without the protocol to go on in')
const SENT_AGAIN = new Error('sent again with another token')

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
  { sessionCookie, token, onRefusal, onUpgrade, runtime }: ForwardOptions,
): Promise<ForwardOutcome> {
  return new Promise((resolve, reject) => {
    const writer = new AnswerWriter(res, sessionCookie, token)
    let controller: Dispatcher.DispatchController | undefined
    let held: HeldAnswer | undefined
    const clientGone = (): void => {
      if (!res.writableFinished) controller?.abort(CLIENT_GONE)
    }
    const finish = (settle: () => void): void => {
      res.off('close', clientGone)
      settle()
    }
    const complete = (): void => {
      writer.end()
      finish(() => resolve('answered'))
    }
    const fail = (error: Error): void => {
      if (error === CLIENT_GONE || res.headersSent) {
        res.destroy()
        return finish(() => resolve('answered'))
      }
      finish(() => reject(upstreamError(error)))
    }
    const drop = (answer: HeldAnswer, settle: () => void): void => {
      held = undefined
      finish(settle)
      if (!answer.isComplete) controller?.abort(SENT_AGAIN)
    }
    const decide = async (answer: HeldAnswer, isDropped: () => Promise<boolean>, begin: () => void): Promise<void> => {
      try {
        if (await isDropped()) return drop(answer, () => resolve('again'))
        held = undefined
        if (answer.error !== undefined) return fail(answer.error)
        begin()
        for (const chunk of answer.chunks) writer.write(chunk)
        if (answer.isComplete) return complete()
        controller?.resume()
      } catch (error) {
        drop(answer, () => reject(error instanceof AuthError ? error : upstreamError(error)))
      }
    }
    res.on('close', clientGone)

    dispatcher.dispatch(request, {
      onRequestStart(started) {
        controller = started
        if (res.closed) started.abort(CLIENT_GONE)
      },
      onResponseStart(started, status, headers) {
        if (status === 101) return started.abort(NOT_ASKED)
        if (status < 200) return
        const begin = (): void => writer.begin(status, (started.rawHeaders ?? []) as Buffer[])
        const head: AnswerHead = { status, header: (name) => headers[name]?.toString() }
        if (onRefusal === undefined || judgeHead(onRefusal.expiredTokenAnswers, head) === 'other') return begin()
        const answer = new HeldAnswer()
        held = answer
        void decide(
          answer,
          async () => (await isRefused(head, answer, onRefusal, runtime)) && onRefusal.sendAgain(),
          begin,
        )
      },
      onRequestUpgrade(started, _status, _headers, socket) {
        try {
          onUpgrade?.((started.rawHeaders ?? []) as Buffer[], socket as Socket)
          finish(() => resolve('answered'))
        } catch (error) {
          socket.destroy()
          finish(() => reject(upstreamError(error)))
        }
      },
      onResponseData(started, chunk) {
        if (held !== undefined) {
          if (!held.add(chunk)) started.pause()
          return
        }
        if (writer.write(chunk)) return
        started.pause()
        res.once('drain', () => started.resume())
      },
      onResponseEnd() {
        if (held === undefined) return complete()
        held.end()
      },
      onResponseError(_controller, error) {
        if (error === SENT_AGAIN) return
        if (held === undefined) return fail(error)
        held.fail(error)
        if (error === CLIENT_GONE) fail(error)
      },
    })
  })
}

/** A body that is looked at has ended, is too long or was cut off by then, or takes too long. */
async function isRefused(
  head: AnswerHead,
  answer: HeldAnswer,
  { expiredTokenAnswers }: OnRefusal,
  runtime: Runtime,
): Promise<boolean> {
  if (judgeHead(expiredTokenAnswers, head) === 'refused') return true
  const enough = new AbortController()
  const tooSlow = runtime.sleep(MAX_LOOK_MS, enough.signal).catch(() => {})
  const body = await Promise.race([answer.whole(MAX_LOOK_BYTES), tooSlow.then(() => undefined)])
  enough.abort()
  return body !== undefined && judgeBody(expiredTokenAnswers, head, body, head.header('content-encoding'))
}

function upstreamError(cause: unknown): AuthError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (TIMEOUTS.has(code))
    return new AuthError('ERR_AUTH_UPSTREAM_TIMEOUT', 'the target of the proxy takes too long', { cause })
  return new AuthError('ERR_AUTH_UPSTREAM', 'the target of the proxy cannot be reached', { cause })
}
