import type { Store } from 'express-session'
import { boundedMap } from '../bounded-map.ts'
import type { Kept } from './store-changes.ts'

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
  readonly #kept = boundedMap<Kept & { readonly at: number }>(MAX_SESSIONS)

  constructor(store: Store, monotonic: () => number) {
    this.#monotonic = monotonic
    this.#idleMs = idleMsOf(store)
    this.#canTouch = typeof store.touch === 'function'
  }

  /** @param originalMaxAge of the cookie in the stored session: to touch it gives it so long again. */
  isDue(id: string, originalMaxAge: number | null): boolean {
    if (!this.#canTouch) return false
    const kept = this.#kept.get(id)
    if (kept === undefined) return true
    const elapsed = this.#monotonic() - kept.at
    const wantedMs = originalMaxAge ?? this.#idleMs
    const leftMs = (kept.maxAge ?? this.#idleMs) - elapsed
    // `false` for what is no number, too.
    const isFine = elapsed < AT_LEAST_EVERY_MS && elapsed < wantedMs / 10 && isAbout(leftMs, wantedMs)
    return !isFine
  }

  /** The store has just begun to count its idle time anew. */
  kept(id: string, { maxAge }: Kept): void {
    this.#kept.set(id, { at: this.#monotonic(), maxAge })
  }

  forget(id: string): void {
    this.#kept.delete(id)
  }

  forgetAll(): void {
    this.#kept.clear()
  }
}

function isAbout(one: number, other: number): boolean {
  return one === other || Math.abs(one - other) <= other / 10
}

/** connect-redis has it in seconds, or has a function that it asks in place of the cookie. */
function idleMsOf(store: Store): number {
  const { ttl } = store as { ttl?: unknown }
  if (typeof ttl === 'function') return 0
  return typeof ttl === 'number' ? ttl * 1_000 : Number.POSITIVE_INFINITY
}
