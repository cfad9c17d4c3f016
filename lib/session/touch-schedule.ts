import type { Store } from 'express-session'
import { LRUCache } from 'lru-cache'

const MAX_SESSIONS = 100_000

/** However long a session may be idle. */
const AT_LEAST_EVERY_MS = 60_000

/**
 * When a session that was only read must be touched, so that the store goes on keeping it: express-session does it on every request, and once
 * in a tenth of the idle time keeps it just as well.
 */
export class TouchSchedule {
  readonly #monotonic: () => number
  /** Of the store itself, for sessions without one. */
  readonly #idleMs: number
  readonly #canTouch: boolean
  readonly #touchedAt = new LRUCache<string, number>({ maxSize: MAX_SESSIONS, sizeCalculation: () => 1 })

  constructor(store: Store, monotonic: () => number) {
    this.#monotonic = monotonic
    this.#idleMs = idleMsOf(store)
    this.#canTouch = typeof store.touch === 'function'
  }

  /** @param originalMaxAge of the session's cookie. */
  isDue(id: string, originalMaxAge: number | null | undefined): boolean {
    if (!this.#canTouch) return false
    const touchedAt = this.#touchedAt.get(id)
    if (touchedAt === undefined) return true
    const idleMs = Math.min(originalMaxAge ?? this.#idleMs, this.#idleMs)
    return !(this.#monotonic() - touchedAt < Math.min(idleMs / 10, AT_LEAST_EVERY_MS))
  }

  /** The store has just begun to count its idle time anew. */
  touched(id: string): void {
    this.#touchedAt.set(id, this.#monotonic())
  }

  forget(id: string): void {
    this.#touchedAt.delete(id)
  }
}

/** connect-redis has it in seconds, or has a function that it asks in place of the cookie. */
function idleMsOf(store: Store): number {
  const { ttl } = store as { ttl?: unknown }
  if (typeof ttl === 'function') return 0
  return typeof ttl === 'number' ? ttl * 1_000 : Number.POSITIVE_INFINITY
}
