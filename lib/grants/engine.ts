import { AuthError } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { Runtime } from '../runtime.ts'
import type { Telemetry } from '../telemetry.ts'
import { storeAway } from './faults.ts'
import type { FreshnessRule } from './freshness.ts'
import type { GrantStore } from './grant-store.ts'
import type { TokenServer } from './token-server.ts'

export interface EngineSettings extends FreshnessRule {
  /** A caller gets an answer within this time, whatever it is. Milliseconds. */
  readonly waitMs: number
  /** The server has this long to answer a refresh before callers are told to come again. Milliseconds. */
  readonly deadlineMs: number
  /** How long a claim keeps everybody else from refreshing; longer than the deadline. Milliseconds. */
  readonly leaseMs: number
  /** How long this process serves a token without asking the store whether the grant is still there. Milliseconds; 0: never. */
  readonly cacheMs: number
  /** A store that has not answered after so long is away. Milliseconds. */
  readonly storeTimeoutMs: number
}

/** What the parts of the engine share. */
export interface Engine {
  readonly store: GrantStore
  /** @param provider key of the provider in the application's configuration. */
  readonly serverOf: (provider: string) => TokenServer
  readonly settings: EngineSettings
  readonly runtime: Runtime
  readonly tell: EventListener
  readonly telemetry: Telemetry
}

/** One for all: to make an error costs more than to ask a local cache. */
const ANSWERED = new Error('the store has answered')

/**
 * The answer of the store. One that cannot be reached, or does not answer in time, is a passing fault; it proves nothing about the grant.
 *
 * @param leftMs how long the caller still waits, if that is less.
 * @throws {AuthError} `ERR_AUTH_UNAVAILABLE`, or what the store itself says of a record.
 */
export async function reach<T>(
  { runtime, settings }: Engine,
  operation: Promise<T>,
  leftMs: number = settings.waitMs,
): Promise<T> {
  const answered = new AbortController()
  const timeoutMs = Math.max(Math.min(settings.storeTimeoutMs, leftMs), 0)
  const tooLate = runtime.sleep(timeoutMs, answered.signal).then(
    () => {
      throw storeAway(undefined)
    },
    () => new Promise<never>(() => {}), // answered
  )
  try {
    return await Promise.race([operation, tooLate])
  } catch (cause) {
    throw cause instanceof AuthError ? cause : storeAway(cause)
  } finally {
    answered.abort(ANSWERED)
  }
}

export function isStoreAway(error: unknown): boolean {
  return error instanceof AuthError && error.code === 'ERR_AUTH_UNAVAILABLE'
}
