import type { SessionData, Store } from 'express-session'
import type { Account } from './account.ts'
import { overlaid } from './overlaid-store.ts'
import { settle } from './session-io.ts'

/** What a session that is written must ask of the account in it. */
export interface AccountWatch {
  /** The account in a session that is about to be written. */
  accountOf(session: SessionData): Account | undefined
  /** Has the end-user signed out, or signed in anew, here or in another process, or did the account go on in another session? */
  hasLeft(account: Account, sessionId: string): Promise<boolean>
  /** The application gave the session a new id (`req.session.regenerate()`) and took the account along. Asked again until it succeeds. */
  moved(account: Account, session: SessionData, sessionId: string): Promise<void>
}

type Done = (error?: unknown) => void

/**
 * The same store, except that it takes back no session that was signed out, or left for a new sign-in or a new id, meanwhile. express-session
 * writes whole sessions, and a request that began before, in whatever process, would bring back what was deleted.
 *
 * Looked at before the write, and after it: whoever signs out, or moves the account, leaves its mark first and deletes the session then,
 * so one of the two sees the other.
 */
export function fenced<S extends Store>(store: S, watch: AccountWatch): S {
  async function write(sessionId: string, session: SessionData): Promise<void> {
    const account = watch.accountOf(session)
    if (account === undefined) return settle((done) => store.set(sessionId, session, done))

    const hasMoved = account.sessionId !== sessionId && (await move(account, session, sessionId))
    if (await hasLeft(account, sessionId)) return
    await settle((done) => store.set(sessionId, session, done))
    if (await hasLeft(account, sessionId)) await settle((done) => store.destroy(sessionId, done))
    // Once more: a request may have written it back before the grants knew of the new id. Those that do so from now on see it.
    if (hasMoved) await settle((done) => store.destroy(account.sessionId, done)).catch(() => {})
  }

  /** @returns `false` if the grants could not be told: the account still says the old id then, so that the next write tries again. */
  async function move(account: Account, session: SessionData, sessionId: string): Promise<boolean> {
    return watch.moved(account, session, sessionId).then(
      () => true,
      () => false,
    )
  }

  /** Nothing is known while the grants cannot be read, and then nothing is kept from the session either. */
  async function hasLeft(account: Account, sessionId: string): Promise<boolean> {
    return watch.hasLeft(account, sessionId).catch(() => false)
  }

  function set(sessionId: string, session: SessionData, done?: Done): void {
    write(sessionId, session).then(
      () => done?.(),
      (error: unknown) => done?.(error),
    )
  }

  return overlaid(store, { set })
}
