import type { AuthError } from '../../errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { Connection } from './connection.ts'
import type { Upstream } from './upstream.ts'
import { tooLate } from './upstream-error.ts'

/** A target to which no connection came about for a request, so that not a byte of it was sent there. */
export interface Failure {
  readonly upstream: Upstream
  readonly error: AuthError
}

/** A request that waits for a connection, because all are taken. */
export class Waiting {
  readonly failures: readonly Failure[]
  /** Monotonic milliseconds. */
  readonly since: number
  /** `undefined`: it has left. @throws {AuthError} why it waits no longer. */
  readonly turn: Promise<Connection | undefined>
  readonly #onOver: (waiting: Waiting) => void
  readonly #stopTimer: () => void
  #resolve: (connection: Connection | undefined) => void = () => {}
  #reject: (error: AuthError) => void = () => {}
  #isOver = false

  /** @param until when it gets `ERR_AUTH_UPSTREAM_TIMEOUT`. Monotonic milliseconds, as `since`. */
  constructor(
    failures: readonly Failure[],
    since: number,
    until: number,
    runtime: Runtime,
    onOver: (waiting: Waiting) => void,
  ) {
    this.failures = failures
    this.since = since
    this.#onOver = onOver
    this.turn = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#stopTimer = runtime.after(Math.max(until - runtime.monotonic(), 0), () => {
      this.fail(tooLate())
    })
  }

  begin(connection: Connection): void {
    if (this.#end()) this.#resolve(connection)
  }

  fail(error: AuthError): void {
    if (this.#end()) this.#reject(error)
  }

  leave(): void {
    if (this.#end()) this.#resolve(undefined)
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#stopTimer()
    this.#onOver(this)
    return true
  }
}
