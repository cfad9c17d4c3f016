import { AuthError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { baseOf, type Registration } from './registrations.ts'

/** After a failure no other tenant of the provider is found out about for so long: whoever makes up one makes up many. */
const PAUSE_MS = 5_000

/** Servers that are found out about at a time. */
const MAX_AT_ONCE = 4

/**
 * What anybody can send for a tenant that nobody has signed in for yet, or that nobody has heard of, must not have this application fetch
 * the metadata of as many servers as somebody can think of names.
 */
export class UnknownTenants {
  readonly #runtime: Runtime
  /** By provider. Monotonic milliseconds. */
  readonly #failedAt = new Map<string, number>()
  #underWay = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /**
   * Works with a server that may have to be found out about first.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` if it is not its time.
   */
  async run<T>(registration: Registration, work: () => Promise<T>): Promise<T> {
    const { key, server } = registration
    const base = baseOf(key)
    // The pause of a server alone is its own business.
    if (server.isKnown || base === key) return work()

    const pauseMs = (this.#failedAt.get(base) ?? Number.NEGATIVE_INFINITY) + PAUSE_MS - this.#runtime.monotonic()
    if (pauseMs > 0 || this.#underWay >= MAX_AT_ONCE) {
      const retryAfterSeconds = Math.ceil(Math.max(pauseMs, PAUSE_MS / 5) / 1_000)
      throw new AuthError('ERR_AUTH_UNAVAILABLE', 'the metadata of this tenant is not known yet', { retryAfterSeconds })
    }
    this.#underWay += 1
    try {
      return await work()
    } catch (error) {
      if (!server.isKnown) this.#failedAt.set(base, this.#runtime.monotonic())
      throw error
    } finally {
      this.#underWay -= 1
    }
  }
}
