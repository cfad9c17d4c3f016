import type { Runtime } from '../runtime.ts'

/** Runs `task` with a signal that aborts after `ms`, and with the reason that `AbortSignal.timeout()` gives. */
export async function withDeadline<T>(
  ms: number,
  runtime: Runtime,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const stop = runtime.after(ms, () =>
    deadline.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
  )
  try {
    return await task(deadline.signal)
  } finally {
    stop()
  }
}
