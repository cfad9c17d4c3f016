import type { Adapter, AdapterPayload } from 'oidc-provider'

/** Names of the records that oidc-provider stores. */
export type RecordKind = 'AccessToken' | 'AuthorizationCode' | 'Grant' | 'Interaction' | 'RefreshToken' | 'Session'

interface Entry {
  readonly payload: AdapterPayload
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Records between two sweeps for expired ones. */
const SWEEP_INTERVAL = 1_000

/**
 * Everything the authorization server remembers, in this process.
 *
 * oidc-provider's own in-memory adapter keeps 1000 entries and drops the oldest without a word: under load, that looks
 * like a provider that revokes refresh tokens at random.
 */
export class MemoryStore {
  readonly #kinds = new Map<string, Map<string, Entry>>()
  #writes = 0

  /** For oidc-provider's `adapter` setting. An arrow function: a method would be taken for a constructor. */
  readonly adapterFor = (kind: string): Adapter => {
    const entries = this.#entries(kind)
    const find = (id: string): AdapterPayload | undefined => live(entries.get(id))
    const findBy = (key: 'uid' | 'userCode', value: string): AdapterPayload | undefined => {
      for (const entry of entries.values()) if (entry.payload[key] === value) return live(entry)
      return undefined
    }

    return {
      upsert: async (id, payload, expiresIn) => {
        this.#writes += 1
        if (this.#writes % SWEEP_INTERVAL === 0) this.#sweep()
        const expiresAt = expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000
        entries.set(id, { payload: structuredClone(payload), expiresAt })
      },
      find: async (id) => find(id),
      findByUid: async (uid) => findBy('uid', uid),
      findByUserCode: async (userCode) => findBy('userCode', userCode),
      consume: async (id) => {
        const entry = entries.get(id)
        if (entry !== undefined) entry.payload.consumed = Math.floor(Date.now() / 1000)
      },
      destroy: async (id) => {
        entries.delete(id)
      },
      revokeByGrantId: async (grantId) => {
        for (const [id, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(id)
      },
    }
  }

  /** Forgets all records of these kinds, as an administrator would. */
  deleteAll(...kinds: readonly RecordKind[]): void {
    for (const kind of kinds) this.#entries(kind).clear()
  }

  #entries(kind: string): Map<string, Entry> {
    const known = this.#kinds.get(kind)
    if (known !== undefined) return known

    const created = new Map<string, Entry>()
    this.#kinds.set(kind, created)
    return created
  }

  #sweep(): void {
    for (const entries of this.#kinds.values()) {
      for (const [id, entry] of entries) if (live(entry) === undefined) entries.delete(id)
    }
  }
}

function live(entry: Entry | undefined): AdapterPayload | undefined {
  if (entry === undefined || entry.expiresAt <= Date.now()) return undefined
  return entry.payload
}
