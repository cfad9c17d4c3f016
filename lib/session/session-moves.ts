import type { Request } from 'express'
import expressSession, { type SessionData } from 'express-session'
import type { ProviderAccount } from './account.ts'
import type { CornerChanges } from './corner-changes.ts'
import { cornerIn, putCorner, type Corner } from './corner.ts'
import type { EndedGrants } from './ended-grants.ts'
import { readStored, save, settle, takeAlong } from './session-io.ts'

/** What becomes of a corner that moves to another session. */
export interface Moved<T> {
  /** `undefined`: it stays where and as it is. */
  readonly corner: Corner | undefined
  readonly result: T
  readonly ended: readonly (ProviderAccount | undefined)[]
}

/** Longer than a request may be on its way. */
const NOTICE_MS = 60_000

/** Moves sessions to new ids, and leaves a notice in the old ones. */
export class SessionMoves {
  readonly #changes: CornerChanges
  readonly #ended: EndedGrants
  readonly #now: () => number

  /** @param ended is told of what the move put an end to. */
  constructor(changes: CornerChanges, ended: EndedGrants, now: () => number) {
    this.#changes = changes
    this.#ended = ended
    this.#now = now
  }

  /**
   * Goes on under a new session id. If `change` fails, or the store does, everything is as before.
   *
   * @param keep keys of the application's that go along.
   * @param change makes the new corner from the stored one.
   */
  async move<T>(
    req: Request,
    keep: readonly string[] | 'all',
    change: (corner: Corner, sessionId: string) => Promise<Moved<T>>,
  ): Promise<T> {
    const oldId = req.sessionID
    const { name } = this.#changes
    return this.#changes.exclusively(oldId, async () => {
      const { isStored, notice } = await this.#changes.reload(req, 'all')
      const before = cornerIn(notice, name) ?? this.#changes.read(req)
      const { session: old, sessionStore } = req
      // Not `regenerate()`, which deletes the old session: other tabs' requests that are on their way still carry its id.
      sessionStore.generate(req)
      const stay = (): void => void Object.assign(req, { session: old, sessionID: oldId })
      try {
        const { corner, result, ended } = await change(before, req.sessionID)
        if (corner === undefined) {
          stay()
          return result
        }
        takeAlong(old, req.session, keep)
        req.session.latchkey = { ...old.latchkey, [name]: corner }
        await save(req)
        if (isStored) await this.#leaveNotice(req, oldId, old.cookie)
        for (const one of ended) if (one !== undefined) this.#ended.add(one)
        return result
      } catch (error) {
        // express-session saves what it finds at the end of the response, and a sign-in that was answered with an error is none.
        stay()
        throw error
      }
    })
  }

  /** Was the request's session left for a new one, moments ago? */
  isRecent(req: Request): boolean {
    const { movedAt } = this.#changes.read(req)
    return typeof movedAt === 'number' && this.#now() - movedAt < NOTICE_MS
  }

  /** Was it left since the request came? @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  async hasHappened(req: Request): Promise<boolean> {
    return cornerIn(await readStored(req), this.#changes.name)?.movedAt !== undefined
  }

  /** In place of the old session, nothing but this: to delete it would give each late request a new one, and its cookie the last word. */
  async #leaveNotice({ sessionStore }: Request, oldId: string, cookie: SessionData['cookie']): Promise<void> {
    const brief = Object.assign(new expressSession.Cookie(), cookie)
    brief.maxAge = NOTICE_MS // the store keeps it no longer
    const notice: SessionData = { cookie: brief }
    putCorner(notice, this.#changes.name, { movedAt: this.#now() })
    await settle((done) => sessionStore.set(oldId, notice, done))
  }
}
