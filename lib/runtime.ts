import cluster from 'node:cluster'

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
  /** What says that other processes serve the same application; `undefined`: nothing does. */
  peers?(): string | undefined
  /** Tells whoever runs the application. */
  warn?(message: string): void
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  fetch: (input, init) => fetch(input, init),
  peers: () => signOfPeers(process.env, cluster.isWorker),
  warn: (message) => process.emitWarning(message, 'LatchkeyWarning'),
}

/** `node:timers/promises` makes an error with a stack for every signal, and of most sleeps here nothing comes but that they are not needed. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const wake = (): void => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    const timer = setTimeout(wake, ms).unref()
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}

/** PM2, and tools that learnt from it, number the instances of an application; PM2 says how many, and makes a worker of a single one too. */
export function signOfPeers(
  { NODE_APP_INSTANCE, instances, pm_id }: NodeJS.ProcessEnv,
  isClusterWorker: boolean,
): string | undefined {
  if (Number(NODE_APP_INSTANCE) > 0) return `NODE_APP_INSTANCE is ${Number(NODE_APP_INSTANCE)}`
  if (pm_id !== undefined) return Number(instances) > 1 ? `PM2 runs ${Number(instances)} instances` : undefined
  return isClusterWorker ? 'it is a worker of node:cluster' : undefined
}
