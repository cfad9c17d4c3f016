import type { GrantKeeper } from '../grants/grant-keeper.ts'
import type { Runtime } from '../runtime.ts'
import type { Account } from '../session/account.ts'
import type { SessionCorner } from '../session/session-corner.ts'

const PAUSE_FROM_MS = 100
const PAUSE_TO_MS = 5_000

/** A store that stays away for longer has more to lose than this. */
const KEEP_MS = 60 * 60_000

/** Far more than end-users who connect an account while a store fails over. */
const MAX_PENDING = 1_000

interface Binding {
  /** Who went on in the session that they had. */
  readonly account: Account
  /** The one that they were to go on in. */
  readonly failedSessionId: string
}

/**
 * Which session a grant belongs to. Where a move to another session failed together with the grant store, the store may know the one
 * that never came to be, and the one that goes on would not be written any more (session-fence.ts). It is told as soon as it is back.
 */
export class SessionBindings {
  readonly #keeper: GrantKeeper
  readonly #corner: SessionCorner
  readonly #runtime: Runtime
  readonly #onBound: (grantId: string, sessionId: string) => void
  /** By grant. */
  readonly #pending = new Map<string, Binding>()

  /** @param onBound told of every grant that goes on in a session of another id. */
  constructor(
    keeper: GrantKeeper,
    corner: SessionCorner,
    runtime: Runtime,
    onBound: (grantId: string, sessionId: string) => void,
  ) {
    this.#keeper = keeper
    this.#corner = corner
    this.#runtime = runtime
    this.#onBound = onBound
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  async bind({ grantId, signedInAt, userAgent }: Account, sessionId: string): Promise<void> {
    await this.#keeper.bindSession(grantId, { id: sessionId, signedInAt, userAgent })
    this.#onBound(grantId, sessionId)
  }

  /** Has the account go on in the session it had, now or as soon as that can be said. */
  async undo(account: Account, failedSessionId: string): Promise<void> {
    try {
      await this.bind(account, account.sessionId)
    } catch {
      if (this.#pending.size >= MAX_PENDING) return
      this.#pending.set(account.grantId, { account, failedSessionId })
      void this.#mendLater(account.grantId)
    }
  }

  /** Before anybody asks which session a grant belongs to. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`: it cannot be said yet. */
  async mend(grantId: string): Promise<void> {
    const binding = this.#pending.get(grantId)
    if (binding === undefined) return
    const { account, failedSessionId } = binding
    const now = await this.#keeper.inspect(grantId)
    // It may have ended, or moved on, since.
    if (now?.session?.id === failedSessionId) await this.bind(account, account.sessionId)
    if (this.#pending.get(grantId) === binding) this.#pending.delete(grantId)
  }

  /** Never rejects. */
  async #mendLater(grantId: string): Promise<void> {
    const begunAt = this.#runtime.monotonic()
    for (let pauseMs = PAUSE_FROM_MS; this.#pending.has(grantId); pauseMs = Math.min(pauseMs * 2, PAUSE_TO_MS)) {
      await this.#runtime.sleep(pauseMs)
      const sessionId = this.#pending.get(grantId)?.account.sessionId
      if (sessionId === undefined) return
      // Not while a request moves the same session once more.
      await this.#corner.exclusively(sessionId, () => this.mend(grantId)).catch(() => {})
      if (this.#runtime.monotonic() - begunAt > KEEP_MS) this.#pending.delete(grantId)
    }
  }
}
