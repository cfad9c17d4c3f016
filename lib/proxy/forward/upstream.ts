import { createSecureContext } from 'node:tls'
import { buildConnector, type Client } from 'undici'
import { Breaker } from '../../breaker.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProxySettings } from '../proxy-options.ts'
import { Connection, type ConnectionKeeper } from './connection.ts'
import type { Target } from '../target.ts'

/** Where another one can take the requests, one failure is enough: the next request goes there. */
const FAILURES_TO_REST = { alone: 5, amongOthers: 1 }

const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

/**
 * One target: the connections to it, and whether new ones come about. They are not left to undici's pool: requests would wait in there as
 * well, where nobody can be taken out of before it is their turn.
 */
export class Upstream {
  readonly target: Target
  readonly headersTimeoutMs: number
  /** Closed by requests that get a connection, opened by those that get none. What is answered on it is not its business. */
  readonly breaker: Breaker
  readonly #keeper: ConnectionKeeper
  readonly #options: Client.Options & { connect: buildConnector.connector }
  readonly #maxConnections: number
  readonly #connections: Connection[] = []
  /** The one that was used last comes first: those that are not needed may close. */
  readonly #free: Connection[] = []

  constructor(target: Target, settings: ProxySettings, runtime: Runtime, keeper: ConnectionKeeper) {
    this.target = target
    this.headersTimeoutMs = settings.headersTimeoutMs
    this.breaker = new Breaker(() => runtime.monotonic(), {
      failuresToOpen: settings.targets.length > 1 ? FAILURES_TO_REST.amongOthers : FAILURES_TO_REST.alone,
      firstPauseMs: FIRST_PAUSE_MS,
      maxPauseMs: MAX_PAUSE_MS,
    })
    this.#keeper = keeper
    this.#maxConnections = settings.connections
    this.#options = {
      connect: buildConnector(connectOptions(target, settings)),
      // Not below the one for the body, because undici makes two more timers for each request where they differ. `headersTimeoutMs` is seen to
      // by who waits for the answer.
      headersTimeout: Math.max(settings.headersTimeoutMs, settings.idleTimeoutMs),
      bodyTimeout: settings.idleTimeoutMs,
      pipelining: 1, // with more, a client that leaves wedges its neighbours
    }
  }

  /** No connection came about lately; it is left alone for a while. */
  get isResting(): boolean {
    return this.breaker.pauseMs > 0
  }

  /** A request can be sent now. */
  get isFree(): boolean {
    return (this.#free.length > 0 || this.#connections.length < this.#maxConnections) && !this.isResting
  }

  /** No connection is taken. */
  get isIdle(): boolean {
    return this.#free.length === this.#connections.length
  }

  /** Only while it is free. */
  take(): Connection {
    return (this.#free.pop() ?? this.#connection()).take()
  }

  /** @param connection one that can take the next request. */
  put(connection: Connection): void {
    this.#free.push(connection)
  }

  /** Waits for answers under way. */
  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }

  /** Cuts them off. */
  async destroy(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.destroy()))
  }

  #connection(): Connection {
    const connection = new Connection(this, this.#options, this.#keeper)
    this.#connections.push(connection)
    return connection
  }
}

function connectOptions(
  { origin }: Target,
  { connectTimeoutMs, socketPath, tls = {} }: ProxySettings,
): buildConnector.BuildOptions {
  const { servername, ...trust } = tls
  return {
    timeout: connectTimeoutMs,
    allowH2: false, // what of a body was written could not be told by its socket
    ...(socketPath !== undefined && { socketPath }),
    // Said, so that no environment variable says otherwise.
    ...(origin.startsWith('https:') && { secureContext: createSecureContext(trust), rejectUnauthorized: true }),
    ...(servername !== undefined && { servername }),
  }
}
