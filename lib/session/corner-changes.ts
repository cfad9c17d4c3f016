import type { Request } from 'express'
import type { SessionData } from 'express-session'
import { cornerIn, putCorner, type Corner } from './corner.ts'
import { KeyedMutex } from './keyed-mutex.ts'
import { peekSession } from './lazy-session.ts'
import { readStored, save, settle } from './session-io.ts'

/**
 * Reads and changes the corner of one instance. express-session writes whole sessions and the last writer wins, so every change reads the
 * stored session again, changes it and saves it while no other request of this process changes the same one.
 */
export class CornerChanges {
  readonly name: string
  readonly #running = new KeyedMutex()

  constructor(name: string) {
    this.name = name
  }

  /** Only to be read: of a session that nobody has touched this opens nothing. */
  read(req: Request): Readonly<Corner> {
    return cornerIn(peekSession(req), this.name) ?? {}
  }

  async change<T>(req: Request, change: (corner: Corner) => T): Promise<T> {
    const { sessionID, sessionStore } = req
    return this.exclusively(sessionID, async () => {
      const { notice } = await this.reload(req, 'corner')
      const session = notice ?? req.session
      const corner = cornerIn(session, this.name) ?? {}
      const result = change(corner)
      putCorner(session, this.name, corner)
      await (notice === undefined ? save(req) : settle((done) => sessionStore.set(sessionID, notice, done)))
      return result
    })
  }

  /** Runs when no change of a session is under way in this process; nor is one begun meanwhile. */
  async exclusively<T>(sessionId: string, task: () => Promise<T>): Promise<T> {
    return this.#running.run(sessionId, task)
  }

  /**
   * Reads what other requests stored meanwhile, except for a session that was left for a new one: express-session sets the cookie of what
   * was changed once more, and that would be the last word, over the cookie of the new one.
   *
   * @param what `corner`: what the application's handler has changed in its own part of the session stays.
   * @returns `isStored`: `false` for a session that was never saved, or is gone; `notice`: what is in the one that was left.
   */
  async reload(req: Request, what: 'corner' | 'all'): Promise<{ isStored: boolean; notice?: SessionData }> {
    const stored = await readStored(req)
    if (stored === undefined) return { isStored: false }
    if (cornerIn(stored, this.name)?.movedAt !== undefined) return { isStored: true, notice: stored }
    if (what === 'all') await settle((done) => req.session.reload(done))
    else if (stored.latchkey !== undefined) req.session.latchkey = stored.latchkey
    else delete req.session.latchkey
    return { isStored: true }
  }
}
