import { judgeBody, judgeHead, MAX_LOOK_BYTES, MAX_LOOK_MS, type AnswerHead } from '../../protocol/refusal.ts'
import type { AnswerPattern } from '../../providers/provider.ts'
import type { Runtime } from '../../runtime.ts'
import { textOf } from '../headers/headers.ts'
import type { HeldAnswer } from './held-answer.ts'

/** What to do about an answer that says that the token is not good any more. */
export interface OnRefusal {
  readonly expiredTokenAnswers: readonly AnswerPattern[]
  /** Should the request be sent again? The answer waits for the decision; `true` drops it. */
  sendAgain(): Promise<boolean>
}

export function headOf(status: number, raw: readonly Buffer[]): AnswerHead {
  return {
    status,
    header(name) {
      const values: string[] = []
      for (let at = 0; at < raw.length; at += 2)
        if (textOf(raw[at]).toLowerCase() === name) values.push(textOf(raw[at + 1]))
      return values.length === 0 ? undefined : values.join(', ')
    },
  }
}

/** A body that is looked at has ended, is too long or was cut off by then, or takes too long. */
export async function isRefused(
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
