import type { Socket } from 'node:net'
import { Client, type buildConnector, type Dispatcher } from 'undici'
import type { Admission } from '../../breaker.ts'
import { uploadOf, type ForwardRequest } from './forward-request.ts'
import type { Upstream } from './upstream.ts'

/** Who hands out connections. */
export interface ConnectionKeeper {
  /** Nobody uses it any more. */
  released(connection: Connection): void
  /** A request has reached a target again. */
  recovered(upstream: Upstream): void
  /** No connection to a target has come about. */
  missed(): void
  /** And so it is left alone from now on. */
  rests(upstream: Upstream, cause: Error): void
}

/**
 * A connection to a target, for one request at a time; made when there is one to send, and again when it was lost. Whoever takes it must
 * release it, once.
 */
export class Connection {
  readonly upstream: Upstream
  readonly #client: Client
  readonly #keeper: ConnectionKeeper
  #socket: Socket | undefined
  /** Of the request that has it: can the target be connected to? */
  #admission: Admission | undefined

  constructor(
    upstream: Upstream,
    { connect, ...options }: Client.Options & { connect: buildConnector.connector },
    keeper: ConnectionKeeper,
  ) {
    this.upstream = upstream
    this.#keeper = keeper
    this.#client = new Client(upstream.target.origin, {
      ...options,
      connect: (where, callback) => {
        connect(where, (...made) => {
          this.#socket = made[1] ?? undefined
          callback(...made)
        })
      },
    })
  }

  /** The one that was made last. */
  get socket(): Socket | undefined {
    return this.#socket
  }

  /** The request that has it tries the target for all others. */
  get isProbe(): boolean {
    return this.#admission?.isProbe === true
  }

  /** Only while the breaker of the target lets requests in. */
  take(): this {
    this.#admission = this.upstream.breaker.enter()
    return this
  }

  /** @param handler releases it when undici is done with the request. */
  dispatch(request: ForwardRequest, handler: Dispatcher.DispatchHandler): void {
    const { path, method, headers, body, upgrade = null } = request
    const { target, headersTimeoutMs } = this.upstream
    const limit = uploadOf(request) !== undefined ? { headersTimeout: headersTimeoutMs } : undefined
    this.#client.dispatch({ path: target.prefix + path, method, headers, body, upgrade, ...limit }, handler)
  }

  /** It stands. */
  succeeded(): void {
    if (this.#admission?.succeeded() === true) this.#keeper.recovered(this.upstream)
  }

  /** It has not come about. */
  failed(cause: Error): void {
    if (this.#admission?.failed() === true) this.#keeper.rests(this.upstream, cause)
    this.#keeper.missed()
  }

  release(): void {
    this.#admission?.left()
    this.#keeper.released(this)
  }

  /** Waits for the answer under way. */
  async close(): Promise<void> {
    if (!this.#client.destroyed) await this.#client.close()
  }

  /** Cuts it off. */
  async destroy(): Promise<void> {
    await this.#client.destroy()
  }
}
