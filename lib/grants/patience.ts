import type { Runtime } from '../runtime.ts'
import { unavailable } from './faults.ts'

/**
 * Bounds the waiting for `work`, not the work: it goes on for whoever else waits for it, and for what it stores.
 *
 * @param signal stops the waiting early.
 * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` when `ms` milliseconds are over.
 */
export async function patiently<T>(work: Promise<T>, ms: number, runtime: Runtime, signal?: AbortSignal): Promise<T> {
  const done = new AbortController()
  const until = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal])
  const giveUp = runtime.sleep(ms, until).then(
    () => {
      throw unavailable('the authorization server takes too long', ms)
    },
    () => {
      throw unavailable('nobody waits for the token any more', ms)
    },
  )
  try {
    return await Promise.race([work, giveUp])
  } finally {
    work.catch(() => {})
    giveUp.catch(() => {})
    done.abort()
  }
}
