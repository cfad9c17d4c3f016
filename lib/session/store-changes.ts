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
  /** All of them are deleted. Told when that is on its way, and again when it has happened or failed. */
  clearing(): void
}

/** The same store, except that it tells of changes. */
export function announcing<S extends Store>(store: S, changes: Partial<StoreChanges>): S {
  const one = (id: string, outcome: Outcome): Announcement => ({
    before: () => changes.changing?.(id),
    after: (hasFailed) => changes.changed?.(id, hasFailed ? 'unknown' : outcome),
  })
  const all: Announcement = { before: () => changes.clearing?.(), after: () => changes.clearing?.() }

  return overlaid(store, {
    set: (id: string, session: SessionData, done?: Done) =>
      announce(one(id, keptBy(session)), done, (then) => store.set(id, session, then)),
    touch: (id: string, session: SessionData, done?: Done) =>
      announce(one(id, keptBy(session)), done, (then) => store.touch?.(id, session, then)),
    destroy: (id: string, done?: Done) => announce(one(id, 'gone'), done, (then) => store.destroy(id, then)),
    regenerate: (req: Request, done: Done) =>
      announce(one(req.sessionID, 'left'), done, (then = done) => store.regenerate(req, then)),
    clear: (done?: Done) => announce(all, done, (then) => store.clear?.(then)),
  })
}

interface Announcement {
  readonly before: () => void
  readonly after: (hasFailed: boolean) => void
}

/** @param call as it was made: some stores answer with a promise where no callback is given. */
function announce({ before, after }: Announcement, done: Done | undefined, call: (done?: Done) => unknown): unknown {
  before()
  if (done !== undefined) {
    return call((error) => {
      after(Boolean(error))
      done(error)
    })
  }
  const answer = call()
  if (answer instanceof Promise) {
    answer.then(
      () => after(false),
      () => after(true),
    )
  } else after(true)
  return answer
}

function keptBy({ cookie }: SessionData): Kept {
  return { maxAge: (cookie as SessionData['cookie'] | undefined)?.maxAge ?? null }
}
