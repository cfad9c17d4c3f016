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
  const timeoutMs = Math.max(Math.min(settings.storeTimeoutMs, leftMs), 0)
  // Each request comes through here: a plain timer, for an AbortController costs more than the store's answer.
  return new Promise((resolve, reject) => {
    const stop = runtime.after(timeoutMs, () => reject(storeAway(undefined)))
    operation.then(
      (answer) => {
        stop()
        resolve(answer)
      },
      (cause: unknown) => {
        stop()
        reject(cause instanceof AuthError ? cause : storeAway(cause))
      },
    )
  })
}

export function isStoreAway(error: unknown): boolean {
  return error instanceof AuthError && error.code === 'ERR_AUTH_UNAVAILABLE'
}
