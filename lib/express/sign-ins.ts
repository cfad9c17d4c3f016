import { AuthError } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { GrantKeeper } from '../grants/grant-keeper.ts'
import type { GrantRecord } from '../grants/grant-store.ts'
import type { SessionCorner } from '../session/session-corner.ts'
import type { SessionMiddleware } from '../session/session-middleware.ts'

/** Ends sign-ins from outside their own requests: an end-user's other devices, or all that the authorization server says have ended. */
export class SignIns {
  readonly #keeper: GrantKeeper
  readonly #session: SessionMiddleware
  readonly #corner: SessionCorner
  readonly #tell: EventListener

  constructor(keeper: GrantKeeper, session: SessionMiddleware, corner: SessionCorner, tell: EventListener) {
    this.#keeper = keeper
    this.#session = session
    this.#corner = corner
    this.#tell = tell
  }

  /**
   * @param grantIds of the sign-ins.
   * @param revocation `later`: whoever asked does not wait until the authorization server has revoked the tokens.
   * @returns how many of them still held.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while one of the stores cannot be reached; ask again then.
   */
  async end(grantIds: readonly string[], revocation: 'wait' | 'later'): Promise<number> {
    const revocations: Promise<void>[] = []
    const ended = await Promise.all(grantIds.map(async (id) => this.#end(id, revocations)))
    if (revocation === 'wait') await Promise.all(revocations)
    return ended.filter(Boolean).length
  }

  async #end(id: string, revocations: Promise<void>[]): Promise<boolean> {
    const sessionId = (await unlessUnreadable(this.#keeper.inspect(id)))?.session?.id
    const endSession = async (ofId = sessionId): Promise<void> => {
      if (ofId !== undefined) await this.#endSession(ofId, revocations)
    }
    // First: if its store is away, the grant still says which session it is when somebody asks again.
    await endSession()
    const last = await this.#endGrant(id, revocations, endSession)
    if (last?.session !== undefined) {
      const { provider, subject } = last.state
      this.#tell({ type: 'sign-out', provider, subject, grantId: id })
    }
    // Once more: a request may have written it back, and those that do so from now on see that the grant has ended.
    await endSession()
    // Or it went on in another session meanwhile.
    if (last?.session !== undefined && last.session.id !== sessionId) await endSession(last.session.id)
    return last !== undefined
  }

  /** With what was connected in it: nothing else names those grants. */
  async #endSession(sessionId: string, revocations: Promise<void>[]): Promise<void> {
    const connections = this.#corner.connectionsIn(await this.#session.read(sessionId))
    await this.#session.end(sessionId)
    await Promise.all(connections.map(async ({ grantId }) => this.#endGrant(grantId, revocations)))
  }

  /** @returns what it was. */
  async #endGrant(
    id: string,
    revocations: Promise<void>[],
    afterwards?: () => Promise<void>,
  ): Promise<GrantRecord | undefined> {
    const last = await unlessUnreadable(this.#keeper.bury(id, 'signed-out', afterwards))
    this.#corner.grantEnded(id)
    if (last !== undefined) revocations.push(this.#keeper.revoke(id, last, 'signed-out'))
    return last
  }
}

/** One record that cannot be read must keep nobody from ending the others; it ends nonetheless. */
async function unlessUnreadable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_RECORD') return undefined
    throw error
  }
}
