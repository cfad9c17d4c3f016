import type { Request, Response } from 'express'
import { replacement } from '../../express/authorized-fetch.ts'
import type { AccessToken } from '../../grants/access-tokens.ts'
import type { TokenTarget } from '../../protocol/token-target.ts'
import type { AnswerPattern } from '../../providers/provider.ts'
import type { Runtime } from '../../runtime.ts'
import type { AnswerRules } from '../headers/headers.ts'
import type { Caller } from '../proxy-context.ts'
import type { ProxySettings } from '../proxy-options.ts'
import type { LiveAnswer } from '../upgrade/live-answer.ts'
import { acceptUpgrade, type UpgradeAnswer } from '../upgrade/upgrade-exchange.ts'
import type { UpgradeRequest } from '../upgrade/upgrade-request.ts'
import { forward } from './forward.ts'
import type { OnRefusal } from './forwarding.ts'
import type { RequestBody } from './request-body.ts'
import type { Upstreams } from './upstreams.ts'

/** The same for all requests of a proxy. */
export interface Route {
  readonly settings: ProxySettings
  readonly upstreams: Upstreams
  readonly tokenTarget: TokenTarget
  readonly runtime: Runtime
}

/** A request as it goes out, but for its token. */
export interface Outgoing {
  readonly req: Request
  readonly res: Response
  /** And query, below the target. */
  readonly path: string
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: RequestBody
  readonly upgrade: UpgradeRequest | undefined
  readonly live: LiveAnswer
  /** For its answer. */
  readonly rules: AnswerRules
}

/** Sends one request, and once more with another token where the target refuses the first and the body can be sent again. */
export class Sending implements OnRefusal {
  readonly #route: Route
  readonly #outgoing: Outgoing
  readonly #caller: Caller | undefined
  readonly #token: AccessToken | undefined
  /** Monotonic milliseconds; `undefined`: any time. */
  readonly #deadline: number | undefined
  #next: AccessToken | undefined

  /** @param token `undefined`: none goes along, and whatever comes is the answer. */
  constructor(route: Route, outgoing: Outgoing, caller: Caller | undefined, token: AccessToken | undefined) {
    const { totalTimeoutMs } = route.settings
    this.#route = route
    this.#outgoing = outgoing
    this.#caller = caller
    this.#token = token
    this.#deadline = totalTimeoutMs === undefined ? undefined : route.runtime.monotonic() + totalTimeoutMs
  }

  /** @throws {AuthError} as `forward`, and where the token was refused, why there is no other. */
  async send(): Promise<void> {
    const outcome = await this.#sendWith(this.#token, this.#token && this)
    if (outcome === 'again' && this.#next !== undefined) await this.#sendWith(this.#next, undefined)
  }

  get expiredTokenAnswers(): readonly AnswerPattern[] {
    return this.#caller?.expiredTokenAnswers ?? []
  }

  async sendAgain(): Promise<boolean> {
    const [caller, refused] = [this.#caller, this.#token]
    if (caller === undefined || refused === undefined) return false
    const next = replacement(caller, refused, this.#route.tokenTarget)
    if (this.#outgoing.body.kind === 'repeatable') return (this.#next = await next) !== undefined
    // What cannot be sent again is answered with the refusal, and the next request finds a new token.
    next.catch(() => {})
    return false
  }

  #sendWith(bearer: AccessToken | undefined, onRefusal: OnRefusal | undefined): Promise<'answered' | 'again'> {
    const { settings, upstreams, runtime } = this.#route
    const { req, res, path, headers, body, upgrade, live, rules } = this.#outgoing
    const token = bearer?.token
    return forward(
      upstreams,
      {
        path,
        method: req.method,
        headers: authorized(headers, bearer),
        body: body.bytes,
        upgrade: upgrade?.protocols.join(', '),
      },
      res,
      {
        rules,
        token,
        onRefusal,
        onUpgrade:
          upgrade &&
          ((answer: UpgradeAnswer) => live.becomes(acceptUpgrade({ req, upgrade, answer, rules, token, runtime }))),
        runtime,
        queueTimeoutMs: settings.headersTimeoutMs,
        idleTimeoutMs: settings.idleTimeoutMs,
        deadline: this.#deadline,
      },
    )
  }
}

/** The token goes in last, and from nowhere else. */
function authorized(headers: readonly string[], bearer: AccessToken | undefined): string[] {
  return bearer === undefined ? [...headers] : [...headers, 'authorization', `${bearer.tokenType} ${bearer.token}`]
}
