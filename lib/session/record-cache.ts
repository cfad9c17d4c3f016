import { isDeepStrictEqual } from 'node:util'
import type { SessionData } from 'express-session'
import { boundedMap } from '../bounded-map.ts'
import type { SessionRecord } from './session-record.ts'

const MAX_SESSIONS = 10_000

interface Kept {
  readonly record: SessionRecord
  /** Monotonic, from before the store was asked. */
  readonly at: number
}

/** Says when a read began, among the changes. */
export interface Reading {
  readonly at: number
  readonly afterChange: number
}

/** Sessions that were read, for a moment: what another process does to one is noticed within that time. */
export class RecordCache {
  readonly #maxAgeMs: number
  readonly #monotonic: () => number
  readonly #records = boundedMap<Kept>(MAX_SESSIONS)
  /** The last change of a session, in the order of all of them. */
  readonly #changes = boundedMap<number>(MAX_SESSIONS, {
    dispose: (change, _id, why) => {
      if (why === 'evict') this.#forgotten = Math.max(this.#forgotten, change)
    },
  })
  #change = 0
  /** Of whatever changed until then, nothing is known any more. */
  #forgotten = 0

  /** @param maxAgeMs milliseconds; 0: nothing is remembered. */
  constructor(maxAgeMs: number, monotonic: () => number) {
    this.#maxAgeMs = maxAgeMs
    this.#monotonic = monotonic
  }

  get isOn(): boolean {
    return this.#maxAgeMs > 0
  }

  get(id: string): SessionRecord | undefined {
    const kept = this.#records.get(id)
    if (kept === undefined) return undefined
    if (this.#monotonic() - kept.at < this.#maxAgeMs) return kept.record
    this.#records.delete(id)
    return undefined
  }

  /** Before the store is asked. */
  begin(): Reading {
    return { at: this.#monotonic(), afterChange: this.#change }
  }

  /** A read that began before a change may have missed it, and brings nothing back. */
  put(id: string, data: SessionData, { at, afterChange }: Reading): void {
    if ((this.#changes.get(id) ?? this.#forgotten) > afterChange) return
    const record = recordOfText(data)
    if (record !== undefined) this.#records.set(id, { record, at })
  }

  /** Both when a change is on its way and when it has happened. */
  changed(id: string): void {
    if (!this.isOn) return
    this.#change += 1
    this.#changes.set(id, this.#change)
    this.#records.delete(id)
  }

  /** All of them: as above. */
  cleared(): void {
    this.#change += 1
    this.#forgotten = this.#change
    this.#changes.clear()
    this.#records.clear()
  }
}

/** Each reader gets a copy of its own, of no more than it asks for. */
class CachedRecord implements SessionRecord {
  readonly originalMaxAge: number | null | undefined
  readonly #text: string
  readonly #corners: string | undefined

  constructor(data: SessionData, text: string) {
    this.#text = text
    this.#corners = data.latchkey === undefined ? undefined : JSON.stringify(data.latchkey)
    this.originalMaxAge = data.cookie.originalMaxAge
  }

  get latchkey(): SessionData['latchkey'] {
    return this.#corners === undefined ? undefined : (JSON.parse(this.#corners) as SessionData['latchkey'])
  }

  get data(): SessionData {
    return JSON.parse(this.#text) as SessionData
  }
}

/** @returns `undefined` for what JSON would change: a store may serialise in its own way. */
function recordOfText(data: SessionData): SessionRecord | undefined {
  try {
    const text = JSON.stringify(data)
    return isDeepStrictEqual(JSON.parse(text), data) ? new CachedRecord(data, text) : undefined
  } catch {
    return undefined
  }
}
