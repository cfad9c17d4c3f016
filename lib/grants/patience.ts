import type { Runtime } from '../runtime.ts'
import { unavailable } from './faults.ts'

/** The work goes on, and may be done by then. */
const COME_AGAIN_MS = 1_000

/** One for all: to make an error takes time. */
const DONE = new Error('nobody waits any more')

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
      throw unavailable('the authorization server takes too long', COME_AGAIN_MS)
    },
    () => {
      throw unavailable('nobody waits for the token any more', COME_AGAIN_MS)
    },
  )
  try {
    return await Promise.race([work, giveUp])
  } finally {
    work.catch(() => {})
    giveUp.catch(() => {})
    done.abort(DONE)
  }
}
