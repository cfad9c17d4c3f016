import { AuthError, withoutSecrets } from '../../errors.ts'
import type { EventListener } from '../../events.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProxySettings } from '../proxy-options.ts'
import type { Connection, ConnectionKeeper } from './connection.ts'
import { Upstream } from './upstream.ts'
import { closed } from './upstream-error.ts'
import { Waiting, type Failure } from './waiting.ts'

/** So many requests may wait for a connection. Targets that hang must not fill the memory with those that do. */
const MAX_WAITING = 1_000

/**
 * The targets of a proxy, in turn, and who waits while all connections to them are taken. One to which no connection comes about rests for
 * a while, and longer each time.
 */
export class Upstreams implements ConnectionKeeper {
  readonly #all: readonly Upstream[]
  readonly #runtime: Runtime
  readonly #tell: EventListener
  /** First come, first served, whichever target has a connection free. */
  readonly #line = new Set<Waiting>()
  /** Of those who have waited, the last to come. */
  #lastSince = 0
  /** Released in this round of the event loop. */
  readonly #released: Connection[] = []
  #turn = 0
  /** Requests that have begun, whether they have a connection now or not. */
  #underWay = 0
  /** Of the timer that runs to the end of the first pause, while somebody waits. */
  #stopAwaitingPause: (() => void) | undefined
  #isClosed = false
  #isDestroyed = false
  #onIdle: (() => void) | undefined

  constructor(settings: ProxySettings, runtime: Runtime, tell: EventListener) {
    this.#all = settings.targets.map((target) => new Upstream(target, settings, runtime, this))
    this.#runtime = runtime
    this.#tell = tell
  }

  /**
   * A request begins, which may take one connection after another when it is known who asks.
   *
   * @throws {AuthError} `ERR_AUTH_UPSTREAM` when the proxy is closed.
   */
  begin(): void {
    if (this.#isClosed) throw closed()
    this.#underWay += 1
  }

  /** It takes no more. */
  end(): void {
    this.#underWay -= 1
    if (this.#isClosed) this.#tellIdle()
  }

  /**
   * A connection to the target whose turn it is.
   *
   * @param failures targets that the request cannot be sent to any more.
   * @returns `undefined`: all are taken, or all that do not rest have failed.
   * @throws {AuthError} `ERR_AUTH_UPSTREAM` when all are cut off.
   */
  take(failures: readonly Failure[]): Connection | undefined {
    if (this.#isDestroyed) throw closed()
    if (this.#line.size > 0) this.#serve() // the pause of a target may be over
    const connection = this.#next(failures)
    if (connection?.isProbe === true) this.#turnAway()
    return connection
  }

  /**
   * Waits for one.
   *
   * @param since decides whose turn it is: who tried a target in vain meanwhile has its place still. Monotonic milliseconds, as `until`.
   * @throws {AuthError} `ERR_AUTH_UPSTREAM`, `ERR_AUTH_UPSTREAM_BUSY` where there is nothing to wait for, or too many wait.
   */
  wait(failures: readonly Failure[], since: number, until: number): Waiting {
    if (!this.#hasHope(failures)) throw failures.at(-1)?.error ?? this.#allRest()
    const isBack = since < this.#lastSince
    if (this.#line.size >= MAX_WAITING && !isBack) throw failures.at(-1)?.error ?? busy()
    const waiting = new Waiting(failures, since, until, this.#runtime, this.#leftLine)
    this.#line.add(waiting)
    if (isBack) this.#reorder()
    else this.#lastSince = since
    this.#awaitPause()
    return waiting
  }

  released(connection: Connection): void {
    // Not at once: undici is not yet done with it, and a target that closes its connections without saying so has time to.
    if (this.#released.push(connection) === 1) setImmediate(this.#reuse)
  }

  recovered({ target }: Upstream): void {
    this.#tell({ type: 'target-up', target: target.origin + target.prefix })
    this.#serve()
  }

  rests({ target }: Upstream, cause: Error): void {
    this.#tell({ type: 'target-down', target: target.origin + target.prefix, cause: withoutSecrets(cause) })
  }

  missed(): void {
    this.#turnAway()
    this.#awaitPause()
  }

  /** Waits for answers under way, and for those of the requests that wait or are sent once more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#tellIdle()
    })
    await Promise.all(this.#all.map((upstream) => upstream.close()))
  }

  /** What fails from then on has no other reason. */
  get isDestroyed(): boolean {
    return this.#isDestroyed
  }

  /** Cuts them off. */
  async destroy(): Promise<void> {
    this.#isClosed = true
    this.#isDestroyed = true
    for (const waiting of this.#line) waiting.fail(closed())
    await Promise.all(this.#all.map((upstream) => upstream.destroy()))
  }

  #next(failures: readonly Failure[]): Connection | undefined {
    const all = this.#all
    this.#turn = (this.#turn + 1) % all.length
    for (let step = 0; step < all.length; step += 1) {
      const upstream = all[(this.#turn + step) % all.length]
      if (upstream?.isFree === true && !hasFailed(upstream, failures)) return upstream.take()
    }
    return undefined
  }

  #reorder(): void {
    const all = [...this.#line].toSorted((one, other) => one.since - other.since)
    this.#line.clear()
    for (const waiting of all) this.#line.add(waiting)
  }

  #serve(): void {
    for (const waiting of this.#line) {
      if (!this.#all.some(({ isFree }) => isFree)) return
      const connection = this.#next(waiting.failures)
      if (connection === undefined) continue
      waiting.begin(connection)
      if (connection.isProbe) this.#turnAway()
    }
  }

  /** Who waits may try a target as soon as its pause is over. */
  #awaitPause(): void {
    this.#stopAwaitingPause?.()
    this.#stopAwaitingPause = undefined
    const pauses = this.#all.map(({ breaker }) => breaker.pauseMs).filter((ms) => ms > 0)
    if (this.#line.size === 0 || pauses.length === 0) return
    this.#stopAwaitingPause = this.#runtime.after(Math.min(...pauses), this.#onPauseOver)
  }

  /** Who waits for nothing but targets that rest by now is answered as if they had come now. */
  #turnAway(): void {
    for (const waiting of this.#line)
      if (!this.#hasHope(waiting.failures)) waiting.fail(waiting.failures.at(-1)?.error ?? this.#allRest())
  }

  #hasHope(failures: readonly Failure[]): boolean {
    return this.#all.some((upstream) => !upstream.isResting && !hasFailed(upstream, failures))
  }

  #allRest(): AuthError {
    const pauseMs = Math.min(...this.#all.map(({ breaker }) => breaker.pauseMs))
    return new AuthError(
      'ERR_AUTH_UPSTREAM',
      'no target of the proxy can be connected to; all are left alone for a while',
      { retryAfterSeconds: Math.max(Math.ceil(pauseMs / 1_000), 1) },
    )
  }

  #tellIdle(): void {
    if (this.#underWay === 0 && this.#all.every(({ isIdle }) => isIdle)) this.#onIdle?.()
  }

  readonly #onPauseOver = (): void => {
    this.#serve()
    this.#awaitPause()
  }

  readonly #leftLine = (waiting: Waiting): void => void this.#line.delete(waiting)

  readonly #reuse = (): void => {
    for (const connection of this.#released) connection.upstream.put(connection)
    this.#released.length = 0
    if (this.#line.size > 0) this.#serve()
    if (this.#isClosed) this.#tellIdle()
  }
}

function hasFailed(upstream: Upstream, failures: readonly Failure[]): boolean {
  return failures.some((failure) => failure.upstream === upstream)
}

function busy(): AuthError {
  return new AuthError('ERR_AUTH_UPSTREAM_BUSY', 'too many requests wait for the target of the proxy', {
    retryAfterSeconds: 1,
  })
}
