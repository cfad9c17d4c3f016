import { setTimeout as delay } from 'node:timers/promises'

/**
 * Everything the package takes from the world around it. Handed down from the factory, so that a test can set the clock
 * and stand in for the network; nothing else reads the time or calls `fetch`.
 */
export interface Runtime {
  /** Wall clock, epoch milliseconds. Decides expiry. */
  now(): number
  /** Milliseconds on a clock that never jumps. Decides deadlines. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when `signal` aborts first. Keeps no process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Reaches the authorization server. */
  fetch: typeof fetch
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { ref: false, ...(signal && { signal }) }),
  fetch: (input, init) => fetch(input, init),
}
