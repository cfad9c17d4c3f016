import { createSecureContext } from 'node:tls'
import { Pool, type Dispatcher } from 'undici'
import { Breaker } from '../../breaker.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProxySettings } from '../proxy-options.ts'
import type { ForwardRequest } from './forward-request.ts'
import type { Target } from '../target.ts'

/** Where another one can take the requests, one failure is enough: the next request goes there. */
const FAILURES_TO_REST = { alone: 5, amongOthers: 1 }

/** So many requests may wait for a connection. A target that hangs must not fill the memory with those that do. */
const MAX_WAITING = 1_000

const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

/**
 * One target: the connections to it, whether new ones come about, and who waits for one while all are taken. The waiting is not left to the
 * pool: nobody can be taken out of that before it is their turn.
 */
export class Upstream {
  readonly target: Target
  /** Closed by requests that get a connection, opened by those that get none. What is answered on it is not its business. */
  readonly breaker: Breaker
  readonly #pool: Pool
  readonly #connections: number
  #underWay = 0
  /** First come, first served. */
  readonly #waiting = new Map<Dispatcher.DispatchHandler, ForwardRequest>()
  #isStarting = false
  #isClosing = false

  constructor(target: Target, settings: ProxySettings, runtime: Runtime) {
    this.target = target
    this.breaker = new Breaker(() => runtime.monotonic(), {
      failuresToOpen: settings.targets.length > 1 ? FAILURES_TO_REST.amongOthers : FAILURES_TO_REST.alone,
      firstPauseMs: FIRST_PAUSE_MS,
      maxPauseMs: MAX_PAUSE_MS,
    })
    this.#connections = settings.connections
    this.#pool = new Pool(target.origin, {
      connect: connectOptions(target, settings),
      connections: settings.connections,
      headersTimeout: settings.headersTimeoutMs,
      bodyTimeout: settings.idleTimeoutMs,
      pipelining: 1, // with more, a client that leaves wedges its neighbours
    })
  }

  /** The next request waits until another one has ended. */
  get isFull(): boolean {
    return this.#underWay >= this.#connections
  }

  /** So many wait by now that no other one may. */
  get isCrowded(): boolean {
    return this.#waiting.size >= MAX_WAITING
  }

  /** @param handler must call `ended` when it is done, or `withdraw` when nobody waits for the answer any more. */
  dispatch(request: ForwardRequest, handler: Dispatcher.DispatchHandler): void {
    if (this.isFull && !this.#isClosing) this.#waiting.set(handler, request)
    else this.#start(request, handler)
  }

  ended(): void {
    this.#underWay -= 1
    if (this.#waiting.size > 0) this.#startWaiting()
  }

  /** Takes out a request that waits: it was never sent, and nothing is ever said to its handler. Any other one goes on. */
  withdraw(handler: Dispatcher.DispatchHandler): void {
    if (this.#waiting.delete(handler)) this.breaker.left()
  }

  /** Waits for answers under way, and for those of the requests that wait. */
  close(): Promise<void> {
    this.#handOver()
    return this.#pool.close()
  }

  /** Cuts them off. */
  destroy(): Promise<void> {
    const destroyed = this.#pool.destroy()
    this.#handOver()
    return destroyed
  }

  #start({ path, method, headers, body, upgrade }: ForwardRequest, handler: Dispatcher.DispatchHandler): void {
    this.#underWay += 1
    this.#pool.dispatch({ path: this.target.prefix + path, method, headers, body, upgrade: upgrade ?? null }, handler)
  }

  #startWaiting(): void {
    // One that fails at once ends in here, and a thousand of them are too many for one stack.
    if (this.#isStarting) return
    this.#isStarting = true
    for (const [handler, request] of this.#waiting) {
      if (this.isFull && !this.#isClosing) break
      this.#waiting.delete(handler)
      this.#start(request, handler)
    }
    this.#isStarting = false
  }

  /** To the pool, which waits for those that wait in it, or tells them that it is destroyed. */
  #handOver(): void {
    this.#isClosing = true
    this.#startWaiting()
  }
}

function connectOptions(
  { origin }: Target,
  { connectTimeoutMs, socketPath, tls = {} }: ProxySettings,
): NonNullable<Pool.Options['connect']> {
  const { servername, ...trust } = tls
  return {
    timeout: connectTimeoutMs,
    ...(socketPath !== undefined && { socketPath }),
    // Said, so that no environment variable says otherwise.
    ...(origin.startsWith('https:') && { secureContext: createSecureContext(trust), rejectUnauthorized: true }),
    ...(servername !== undefined && { servername }),
  }
}
