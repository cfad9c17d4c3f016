import type { Runtime } from '../../lib/runtime.ts'

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** A runtime whose time also passes when a test says so: then whoever sleeps until that time wakes. */
export class TestClock implements Runtime {
  #offsetMs = 0
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return Date.now() + this.#offsetMs
  }

  monotonic(): number {
    return performance.now() + this.#offsetMs
  }

  fetch: typeof fetch = (input, init) => fetch(input, init)

  after(ms: number, callback: () => void): () => void {
    const stop = (): void => {
      clearTimeout(timer)
      this.#sleepers.delete(sleeper)
    }
    const wake = (): void => {
      stop()
      callback()
    }
    const sleeper: Sleeper = { due: this.monotonic() + ms, wake }
    const timer = setTimeout(wake, Math.min(ms, 2 ** 31 - 1)).unref() // no timer takes more
    this.#sleepers.add(sleeper)
    return stop
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        stop()
        reject(signal?.reason as Error)
      }
      const stop = this.after(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  advance({ seconds = 0, ms = 0 }: { seconds?: number; ms?: number }): void {
    this.#offsetMs += seconds * 1_000 + ms
    for (const sleeper of this.#sleepers) if (sleeper.due <= this.monotonic()) sleeper.wake()
  }
}
