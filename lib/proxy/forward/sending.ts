import type { Request, Response } from 'express'
import { replacement } from '../../express/authorized-fetch.ts'
import type { AuthError } from '../../errors.ts'
import type { AccessToken } from '../../grants/access-tokens.ts'
import type { TokenTarget } from '../../protocol/token-target.ts'
import type { AnswerPattern } from '../../providers/provider.ts'
import type { Runtime } from '../../runtime.ts'
import type { AnswerRules } from '../headers/headers.ts'
import { signedOut, type LiveAnswer } from '../live/live-answer.ts'
import type { Caller } from '../proxy-context.ts'
import type { ProxySettings } from '../proxy-options.ts'
import { acceptUpgrade, type UpgradeAnswer } from '../upgrade/upgrade-exchange.ts'
import type { UpgradeRequest } from '../upgrade/upgrade-request.ts'
import type { Connection } from './connection.ts'
import { ANSWERED, type ForwardOutcome, type SentOutcome } from './forward-request.ts'
import { Forwarding } from './forwarding.ts'
import type { OnRefusal } from './refusal.ts'
import type { RequestBody } from './request-body.ts'
import { tooLate } from './upstream-error.ts'
import type { Upstreams } from './upstreams.ts'
import type { Failure, Waiting } from './waiting.ts'

/** The same for all requests of a proxy. */
export interface Route {
  readonly settings: ProxySettings
  readonly upstreams: Upstreams
  readonly tokenTarget: TokenTarget
  readonly runtime: Runtime
}

/** What a request says about whose it is. */
export interface Credentials {
  /** `undefined`: none goes along, and whatever comes is the answer. */
  readonly token: AccessToken | undefined
  /** About the user. Flat: name, value, name, value. */
  readonly identity: readonly string[]
}

/** A request as it goes out, but for its credentials. */
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
  /** When its answer must have ended. Monotonic milliseconds; `undefined`: any time. */
  readonly deadline: number | undefined
  /** For its answer. */
  readonly rules: AnswerRules
  /** As of now. @throws {AuthError} if the user is not signed in any more, or there is no token. */
  readonly askAgain: () => Promise<Credentials>
}

/**
 * Sends one request to the target whose turn it is; where no connection to it comes about, so that not a byte was sent, to the next one. And
 * once more with another token where the target refuses the first and the body can be sent again.
 */
export class Sending implements OnRefusal {
  readonly #route: Route
  readonly #outgoing: Outgoing
  readonly #caller: Caller | undefined
  #credentials: Credentials
  /** Since when it waits for a connection, in one go or several. Monotonic milliseconds. */
  #waitsSince: number | undefined
  #next: AccessToken | undefined
  /** What is to be told that the client has left. */
  #current: Waiting | Forwarding | undefined

  constructor(route: Route, outgoing: Outgoing, caller: Caller | undefined, credentials: Credentials) {
    this.#route = route
    this.#outgoing = outgoing
    this.#caller = caller
    this.#credentials = credentials
  }

  /**
   * @returns why the answer was cut off, where that was no client's wish and no plan.
   * @throws {AuthError} `ERR_AUTH_UPSTREAM`, `ERR_AUTH_UPSTREAM_BUSY`, `ERR_AUTH_UPSTREAM_TIMEOUT`, `ERR_AUTH_REQUEST_TIMEOUT` or `ERR_AUTH_TOO_LARGE`;
   * where the token was refused, why there is no other; where the user has signed out before it was sent, or sent again, `ERR_AUTH_REQUIRED`.
   */
  async send(): Promise<AuthError | undefined> {
    // One for all tries, and for good: V8 of Node 20 keeps the garbage of many requests alive when listeners come and go.
    this.#outgoing.res.on('close', () => this.#current?.leave())
    let outcome = await this.#sendSomewhere(this.#credentials.token && this)
    if (outcome.kind === 'again' && this.#next !== undefined) {
      this.#credentials = { ...this.#credentials, token: this.#next }
      this.#waitsSince = undefined
      outcome = await this.#sendSomewhere(undefined)
    }
    return outcome.kind === 'cut' ? outcome.error : undefined
  }

  get expiredTokenAnswers(): readonly AnswerPattern[] {
    return this.#caller?.expiredTokenAnswers ?? []
  }

  async sendAgain(): Promise<boolean> {
    const [caller, refused] = [this.#caller, this.#credentials.token]
    if (caller === undefined || refused === undefined) return false
    const next = replacement(caller, refused, this.#route.tokenTarget)
    if (this.#outgoing.body.kind === 'repeatable') return (this.#next = await next) !== undefined
    // What cannot be sent again is answered with the refusal, and the next request finds a new token.
    next.catch(() => {})
    return false
  }

  async #sendSomewhere(onRefusal: OnRefusal | undefined): Promise<SentOutcome> {
    const failures: Failure[] = []
    for (;;) {
      const connection = this.#route.upstreams.take(failures) ?? (await this.#turn(failures))
      if (connection === undefined || !this.#mayGoOut(connection)) return ANSWERED
      const outcome = await this.#sendOver(connection, onRefusal)
      if (outcome.kind !== 'unsent') return outcome
      failures.push({ upstream: connection.upstream, error: outcome.error })
    }
  }

  /** Waits for a connection. What was known of the user may have changed by then. */
  async #turn(failures: readonly Failure[]): Promise<Connection | undefined> {
    const { upstreams, settings, runtime } = this.#route
    const { res, live, deadline, askAgain } = this.#outgoing
    if (hasAnswer(res)) return undefined
    if (live.isSignedOut) throw signedOut()
    this.#waitsSince ??= runtime.monotonic()
    const until = Math.min(this.#waitsSince + settings.headersTimeoutMs, deadline ?? Number.POSITIVE_INFINITY)
    const waiting = upstreams.wait(failures, this.#waitsSince, until)
    this.#current = waiting
    live.onSignedOut = () => waiting.fail(signedOut())
    const connection = await waiting.turn
    try {
      if (connection !== undefined && !hasAnswer(res)) this.#credentials = await askAgain()
      return connection
    } catch (error) {
      connection?.release()
      throw error
    }
  }

  /** Is there still somebody to answer, is it still their request, and in time? What has not begun does not begin. */
  #mayGoOut(connection: Connection): boolean {
    const { res, live, deadline } = this.#outgoing
    const isAnswered = hasAnswer(res)
    const isLate = deadline !== undefined && this.#route.runtime.monotonic() >= deadline
    if (!isAnswered && !live.isSignedOut && !isLate) return true
    connection.release()
    if (isAnswered) return false
    throw live.isSignedOut ? signedOut() : tooLate()
  }

  #sendOver(connection: Connection, onRefusal: OnRefusal | undefined): Promise<ForwardOutcome> {
    const { settings, runtime } = this.#route
    const { req, res, path, headers, body, upgrade, live, deadline, rules } = this.#outgoing
    const { token: bearer, identity } = this.#credentials
    const token = bearer?.token
    const request = {
      path,
      method: req.method,
      headers: [...headers, ...identity, ...authorization(bearer)],
      body: body.bytes,
      upgrade: upgrade?.protocols.join(', '),
    }
    const forwarding = new Forwarding(connection, request, res, {
      rules,
      token,
      onRefusal,
      onUpgrade:
        upgrade &&
        ((answer: UpgradeAnswer) => live.becomes(acceptUpgrade({ req, upgrade, answer, rules, token, runtime }))),
      live,
      runtime,
      idleTimeoutMs: settings.idleTimeoutMs,
      deadline,
    })
    this.#current = forwarding
    return forwarding.send()
  }
}

/** The client has left, or the application has answered itself. */
export function hasAnswer(res: Response): boolean {
  return res.closed || res.writableEnded
}

/** Goes in last, and comes from nowhere else. */
function authorization(bearer: AccessToken | undefined): string[] {
  return bearer === undefined ? [] : ['authorization', `${bearer.tokenType} ${bearer.token}`]
}
