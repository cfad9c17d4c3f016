import { AuthError } from '../errors.ts'
import type { GrantRecord } from '../grants/grant-store.ts'
import { isOfSameClient, issuedAt, type LogoutToken } from '../protocol/logout-token.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registrations.ts'

/**
 * A sign-in whose ID Token was issued right before the server sent the logout token becomes a grant only when it is stored here. So it
 * is looked for again: soon, since most are stored by then, and from then on at this distance.
 */
const FIRST_LOOK_MS = 1_000
const SECOND_LOOK_MS = 3_000
const LOOK_MS = 5_000

/** Metadata, code and keys: a sign-in waits for the server at most so often. */
const ANSWERS_PER_SIGN_IN = 3

/** What the stores take, and the rest of the request. */
const STORING_MS = 10_000

/** A last look that fails is repeated until then. */
const GIVE_UP_MS = 10 * 60_000

/** How long `close()` waits for the last looks. */
const CLOSE_BUDGET_MS = 3_000

interface FoundGrant extends GrantRecord {
  readonly id: string
}

interface Found {
  readonly meant: readonly FoundGrant[]
  /** Why one of the records could not be read; that must not keep the others alive. */
  readonly unreadable: AuthError | undefined
}

/**
 * Carries out what a valid logout token says: the sign-ins end that were made before the server issued it. Doing so once more changes
 * nothing, and no sign-in of later on is ever touched.
 */
export class ProviderLogout {
  readonly #parts: Parts
  readonly #signInMs: number
  readonly #watches = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  /** @param timeoutMs how long the server may take for one answer. */
  constructor(parts: Parts, timeoutMs: number) {
    this.#parts = parts
    this.#signInMs = ANSWERS_PER_SIGN_IN * timeoutMs + STORING_MS
  }

  /**
   * @returns `mismatch`: nothing was done, for the session that the token names is another end-user's.
   * @throws {AuthError} while it cannot be carried out to the end; to be tried again then.
   */
  async end(token: LogoutToken, registration: Registration): Promise<'done' | 'mismatch'> {
    const { meant, unreadable } = await this.#find(token, registration)
    if (token.subject !== undefined && meant.some(({ state }) => state.subject !== token.subject)) return 'mismatch'
    await this.#endAll(meant)
    if (unreadable !== undefined) throw unreadable
    return 'done'
  }

  /**
   * Goes on to end what was under way when the token came, until nothing can be any more; nobody waits for that. A sign-in that began
   * later is not meant.
   *
   * @param arrivedAt epoch milliseconds.
   */
  watch(token: LogoutToken, registration: Registration, arrivedAt: number): void {
    const watch = this.#watch(token, registration, arrivedAt)
    this.#watches.add(watch)
    void watch.finally(() => this.#watches.delete(watch))
  }

  /** Looks a last time for all that is still watched for: with this process its memory of that goes. */
  async close(): Promise<void> {
    this.#closing.abort()
    const done = new AbortController()
    const { runtime } = this.#parts
    const budget = runtime.sleep(CLOSE_BUDGET_MS, done.signal).catch(() => {})
    await Promise.race([Promise.all(this.#watches), budget])
    done.abort()
  }

  /** Never rejects. */
  async #watch(token: LogoutToken, registration: Registration, arrivedAt: number): Promise<void> {
    const { runtime, tell } = this.#parts
    const begunAt = runtime.monotonic()
    for (let look = 1; ; look += 1) {
      const pauseMs = [FIRST_LOOK_MS, SECOND_LOOK_MS][look - 1] ?? LOOK_MS
      await runtime.sleep(pauseMs, this.#closing.signal).catch(() => {})
      const passedMs = this.#closing.signal.aborted ? Number.POSITIVE_INFINITY : runtime.monotonic() - begunAt
      try {
        await this.#endLate(token, registration, arrivedAt)
        if (passedMs >= this.#signInMs) return
      } catch (error) {
        if (passedMs < this.#signInMs + GIVE_UP_MS) continue
        if (error instanceof AuthError) {
          tell({ type: 'error', code: error.code, route: registration.paths.backchannelLogout, error })
        }
        return
      }
    }
  }

  async #endLate(token: LogoutToken, registration: Registration, arrivedAt: number): Promise<void> {
    const { meant, unreadable } = await this.#find(token, registration)
    const late = meant.filter(({ state: { subject, generation, tokens }, session }) => {
      if (token.subject !== undefined && subject !== token.subject) return false
      if (session !== undefined) return session.signedInAt <= arrivedAt
      // An account that was connected has its first ID Token alone to say when, and that is older.
      return generation === 1 && issuedAt(tokens.idToken) !== undefined
    })
    await this.#endAll(late)
    if (unreadable !== undefined) throw unreadable
  }

  async #endAll(grants: readonly FoundGrant[]): Promise<void> {
    // The server waits for our answer, and must not wait for its own to the revocation.
    await this.#parts.signIns.end(
      grants.map(({ id }) => id),
      'later',
    )
  }

  /** By the index, so that it is exactly the sign-ins there are: `sid` names one session at the server, `sub` alone means all. */
  async #find(token: LogoutToken, { grantKey: provider }: Registration): Promise<Found> {
    const { keeper } = this.#parts
    const { sid, subject = '' } = token
    const ids = await keeper.find(sid === undefined ? { provider, subject } : { provider, sid })
    const looked = await Promise.allSettled(ids.map(async (id) => ({ id, record: await keeper.inspect(id) })))
    const meant = looked.flatMap((look) => {
      if (look.status === 'rejected' || look.value.record === undefined) return []
      const { id, record } = look.value
      // An index that was tampered with must not lead to the end-users of another provider.
      const isTheirs = record.state.provider === provider
      const isMeant = isTheirs && isOfSameClient(record.state.tokens.idToken, token) && isOlder(record, token)
      return isMeant ? [{ id, ...record }] : []
    })
    const failed = looked.find((look) => look.status === 'rejected')
    return { meant, unreadable: failed?.reason as AuthError | undefined }
  }
}

/**
 * Was the sign-in made before the server issued the logout token? Its ID Token says so, by the server's own clock and to the second.
 * A refresh may have brought a younger one; then our clock decides.
 */
function isOlder({ state: { tokens, generation }, session }: GrantRecord, token: LogoutToken): boolean {
  const identifiedAt = issuedAt(tokens.idToken)
  if (identifiedAt !== undefined && identifiedAt <= token.issuedAt) return true
  if (identifiedAt !== undefined && generation === 1) return false
  return session === undefined || session.signedInAt < (token.issuedAt + 1) * 1_000
}
