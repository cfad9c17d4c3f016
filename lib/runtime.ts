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
  /** Calls back after `ms`, unless what it returns, another function for each call, is called before. Keeps no process alive. */
  after(ms: number, callback: () => void): () => void
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
  after,
  sleep,
  fetch: (input, init) => fetch(input, init),
  peers: () => signOfPeers(process.env, cluster.isWorker),
  warn: (message) => process.emitWarning(message, 'LatchkeyWarning'),
}

/** 24 days; a timer that is to run for longer runs for a millisecond. */
const MAX_TIMER_MS = 2 ** 31 - 1

function after(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = (restMs: number): void => {
    const next = restMs > MAX_TIMER_MS ? (): void => wait(restMs - MAX_TIMER_MS) : callback
    timer = setTimeout(next, Math.min(restMs, MAX_TIMER_MS)).unref()
  }
  wait(ms)
  return () => clearTimeout(timer)
}

/** `node:timers/promises` makes an error with a stack for every signal, and of most sleeps here nothing comes but that they are not needed. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      stop()
      reject(signal?.reason as Error)
    }
    const stop = after(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
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
