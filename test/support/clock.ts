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

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', abort)
        settle()
      }
      const abort = (): void => finish(() => reject(signal?.reason as Error))
      const sleeper: Sleeper = { due: this.monotonic() + ms, wake: () => finish(resolve) }
      const timer = setTimeout(sleeper.wake, Math.min(ms, 2 ** 31 - 1)).unref() // no timer takes more
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  advance({ seconds = 0, ms = 0 }: { seconds?: number; ms?: number }): void {
    this.#offsetMs += seconds * 1_000 + ms
    for (const sleeper of this.#sleepers) if (sleeper.due <= this.monotonic()) sleeper.wake()
  }
}
