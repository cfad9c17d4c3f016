/** Runs one `task` per key at a time; callers that arrive meanwhile share its outcome. Nothing is remembered afterwards. */
export class SingleFlight<T> {
  readonly #inFlight = new Map<string, Promise<T>>()

  run(key: string, task: () => Promise<T>): Promise<T> {
    const current = this.#inFlight.get(key)
    if (current !== undefined) return current

    const started = task().finally(() => {
      if (this.#inFlight.get(key) === started) this.#inFlight.delete(key)
    })
    this.#inFlight.set(key, started)
    return started
  }

  /** What is in flight for this key. */
  current(key: string): Promise<T> | undefined {
    return this.#inFlight.get(key)
  }

  /** Resolves when nothing is in flight any more; never rejects. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight.values())
  }
}
