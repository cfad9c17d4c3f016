import { Store, type SessionData } from 'express-session'
import type { LRUCache } from 'lru-cache'
import { boundedMap } from '../bounded-map.ts'

const IDLE_MS = 24 * 60 * 60_000

/**
 * Sessions in the memory of one process: bounded and expiring, which express-session's own is not. The default, so that a first
 * app needs nothing else.
 */
export class MemorySessionStore extends Store {
  readonly #sessions: LRUCache<string, string>

  constructor(now: () => number, maxSessions = 100_000) {
    super()
    this.#sessions = boundedMap(maxSessions, { ttl: IDLE_MS, ttlResolution: 0, perf: { now } })
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    // As late as from any other store, and as from a cache; `SessionReader` says why.
    setImmediate(() => {
      const stored = this.#sessions.get(sid)
      // A copy each time: requests must not see each other's unsaved changes.
      callback(null, stored === undefined ? null : (JSON.parse(stored) as SessionData))
    })
  }

  override set(sid: string, session: SessionData, callback?: (error?: unknown) => void): void {
    this.#sessions.set(sid, JSON.stringify(session), { ttl: session.cookie.originalMaxAge ?? IDLE_MS })
    if (callback !== undefined) queueMicrotask(callback)
  }

  override touch(sid: string, session: SessionData, callback?: () => void): void {
    const stored = this.#sessions.peek(sid)
    if (stored !== undefined) this.#sessions.set(sid, stored, { ttl: session.cookie.originalMaxAge ?? IDLE_MS })
    if (callback !== undefined) queueMicrotask(callback)
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(sid)
    if (callback !== undefined) queueMicrotask(callback)
  }
}
