import { createSecureContext } from 'node:tls'
import { Pool, type Dispatcher } from 'undici'
import { Breaker } from '../../breaker.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProxySettings } from '../proxy-options.ts'
import type { ForwardRequest } from './forward-request.ts'
import type { Target } from '../target.ts'

/** Where another one can take the requests, one failure is enough: the next request goes there. */
const FAILURES_TO_REST = { alone: 5, amongOthers: 1 }

const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

/** One target: the connections to it, and whether new ones come about. */
export class Upstream {
  readonly target: Target
  /** Closed by requests that get a connection, opened by those that get none. What is answered on it is not its business. */
  readonly breaker: Breaker
  readonly #pool: Pool
  readonly #connections: number
  #underWay = 0

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

  /** @param handler must call `ended` when it is done. */
  dispatch({ path, method, headers, body, upgrade }: ForwardRequest, handler: Dispatcher.DispatchHandler): void {
    this.#underWay += 1
    this.#pool.dispatch({ path: this.target.prefix + path, method, headers, body, upgrade: upgrade ?? null }, handler)
  }

  ended(): void {
    this.#underWay -= 1
  }

  /** Waits for answers under way. */
  close(): Promise<void> {
    return this.#pool.close()
  }

  /** Cuts them off. */
  destroy(): Promise<void> {
    return this.#pool.destroy()
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
