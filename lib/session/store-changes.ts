import type { Request } from 'express'
import type { SessionData, Store } from 'express-session'
import { overlaid } from './overlaid-store.ts'

type Done = (error?: unknown) => void

/** A session that was written, or touched. */
export interface Kept {
  /** How long its cookie lives from then on, in milliseconds. An application may change that for a request alone, and not write it. */
  readonly maxAge: number | null
}

/** `gone`: deleted. `left`: deleted, since the request goes on with a session of another id. `unknown`: the store has failed. */
export type Outcome = Kept | 'gone' | 'left' | 'unknown'

/** Told of everything that this process does to the sessions in a store. */
export interface StoreChanges {
  /** A change is on its way to the store. */
  changing(sessionId: string): void
  changed(sessionId: string, outcome: Outcome): void
  /** All of them are about to be deleted. */
  clearing(): void
  /** That has happened, or failed. */
  cleared(): void
}

/** The same store, except that it tells of changes. */
export function announcing<S extends Store>(store: S, changes: Partial<StoreChanges>): S {
  const one = (id: string, outcome: Outcome): Announcement => ({
    before: () => changes.changing?.(id),
    after: (hasFailed) => changes.changed?.(id, hasFailed ? 'unknown' : outcome),
  })
  const all: Announcement = { before: () => changes.clearing?.(), after: () => changes.cleared?.() }

  return overlaid(store, {
    set: (id: string, session: SessionData, done?: Done) =>
      announce(one(id, keptBy(session)), done, (then) => store.set(id, session, then)),
    touch: (id: string, session: SessionData, done?: Done) =>
      announce(one(id, keptBy(session)), done, (then) => store.touch?.(id, session, then)),
    destroy: (id: string, done?: Done) => announce(one(id, 'gone'), done, (then) => store.destroy(id, then)),
    regenerate: (req: Request, done: Done) =>
      announce(one(req.sessionID, 'left'), done, (then) => store.regenerate(req, then)),
    clear: (done?: Done) => announce(all, done, (then) => store.clear?.(then)),
  })
}

interface Announcement {
  readonly before: () => void
  readonly after: (hasFailed: boolean) => void
}

/**
 * Express-session leaves the callback to whoever calls, so there is always one of ours. Some stores return a promise as well, and some nothing
 * else; which of the two comes last is the store's business, so both are told.
 *
 * @returns what the store does; a promise fails where the callback was told of an error that nobody else has heard of.
 */
function announce({ before, after }: Announcement, done: Done | undefined, call: (done: Done) => unknown): unknown {
  let failure: unknown
  before()
  const answer = call((error) => {
    failure = error
    after(Boolean(error))
    done?.(error)
  })
  if (!(answer instanceof Promise)) return answer
  const settled = answer.then(
    (value: unknown) => {
      after(Boolean(failure))
      // With a callback some stores resolve all the same.
      if (done === undefined && failure) throw failure as Error
      return value
    },
    (error: unknown) => {
      after(true)
      throw error
    },
  )
  settled.catch(() => {}) // express-session drops it
  return settled
}

function keptBy({ cookie }: SessionData): Kept {
  return { maxAge: (cookie as SessionData['cookie'] | undefined)?.maxAge ?? null }
}
