import { purposeOf, type Purpose, type RawExchange } from './exchange.ts'
import { maskAnswerHeaders, maskBody, maskMessage } from './mask.ts'
import { parseBody, parseMessage, type Body, type Message, type Parameter } from './message.ts'
import { Secrets } from './secrets.ts'

/** An exchange as it may be shown: masked. */
export interface ShownExchange {
  /** Epoch milliseconds; of the last one, if it stands for several. */
  readonly at: number
  readonly purpose: Purpose
  readonly request: Message
  /** Absent: none yet, or the connection was cut. */
  readonly answer: ShownAnswer | undefined
  /** How many it stands for: 200 calls at once are not worth 200 entries. */
  readonly times: number
}

export interface ShownAnswer {
  readonly status: number
  readonly headers: readonly Parameter[]
  readonly body: Body
}

/** How far back the log is read: twice 200 calls that were made at once and refused, and what was around them. */
const MAX_READ = 1_000
const MAX_SHOWN = 30

/** Their answers hold tokens; those of an API hold names and numbers, which stand in other places with good reason. */
const ISSUING: ReadonlySet<Purpose> = new Set(['code', 'refresh'])

/** Made many at a time. */
const CALLS: ReadonlySet<Purpose> = new Set(['API call', 'user info'])

/** The last exchanges of the app with a provider, newest first. */
export function shownExchanges(log: readonly RawExchange[]): readonly ShownExchange[] {
  const read = log.slice(-MAX_READ).flatMap((raw) => {
    const request = parseMessage(raw)
    const purpose = purposeOf(request)
    return purpose === undefined ? [] : [{ raw, request, purpose, answerBody: parseBody(raw.answer?.body ?? '') }]
  })
  const secrets = new Secrets()
  for (const { request, purpose, answerBody } of read) {
    secrets.addMessage(request)
    if (ISSUING.has(purpose)) secrets.addBody(answerBody)
  }

  const shown = read.map(({ raw: { at, answer }, request, purpose, answerBody }): ShownExchange => {
    const masked = answer && { status: answer.status, headers: maskAnswerHeaders(answer.headers, secrets), body: maskBody(answerBody, secrets) } // prettier-ignore
    return { at, purpose, request: maskMessage(request, secrets), answer: masked, times: 1 }
  })
  return gather(shown).toReversed().slice(0, MAX_SHOWN)
}

/** Calls that look the same become one, up to where something else than a call happened. */
function gather(exchanges: readonly ShownExchange[]): readonly ShownExchange[] {
  const gathered: ShownExchange[] = []
  let calls = new Map<string, number>()
  for (const exchange of exchanges) {
    if (!CALLS.has(exchange.purpose)) calls = new Map()
    const key = JSON.stringify([exchange.request, exchange.answer?.status])
    const index = CALLS.has(exchange.purpose) ? calls.get(key) : undefined
    const earlier = index === undefined ? undefined : gathered[index]
    if (index !== undefined && earlier !== undefined) {
      gathered[index] = { ...exchange, times: earlier.times + 1 }
      continue
    }
    calls.set(key, gathered.length)
    gathered.push(exchange)
  }
  return gathered
}
