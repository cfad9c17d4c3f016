import { withoutSecrets } from '../errors.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import { isStoreAway, reach, type Engine } from './engine.ts'
import type { EndReason, GrantOwner } from './grant.ts'
import type { GrantRecord } from './grant-store.ts'
import { patiently } from './patience.ts'
import { PendingEndings } from './pending-endings.ts'

const REVOCATION_BUDGET_MS = 3_000

/**
 * How grants end: tombstone first, so that nothing can come back, then revocation (RFC 7009) within a time budget. A store that is away
 * is told when it is back.
 */
export class GrantEnding {
  readonly #engine: Engine
  readonly #pending: PendingEndings
  /** Revocations, and what else nobody waits for. None of it rejects. */
  readonly #underWay = new Set<Promise<void>>()

  constructor(engine: Engine) {
    this.#engine = engine
    this.#pending = new PendingEndings(engine.runtime)
  }

  /**
   * From then on nobody reads a token from the record, and nothing is stored in it.
   *
   * @param afterwards called when a store that was away has been told.
   * @returns what it was.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE`: the store is away; once it is back, the grant ends and its tokens are revoked.
   */
  async bury(id: string, why: EndReason, afterwards?: () => Promise<void>): Promise<GrantRecord | undefined> {
    const { store } = this.#engine
    let known: GrantRecord | undefined
    const attempt = async (): Promise<GrantRecord | undefined> => {
      // Read first: if the answer of `end` gets lost, asking again finds the tombstone alone, and the tokens are still to be revoked.
      known ??= await this.#inspect(id)
      const last = (await reach(this.#engine, store.end(id, why))) ?? known
      if (last !== undefined) this.ended(id, last.state, why)
      return last
    }
    try {
      return await attempt()
    } catch (error) {
      if (isStoreAway(error)) {
        this.#pending.add(id, why, async () => {
          const last = await attempt()
          if (last !== undefined && isRevoked(why)) void this.revoke(id, last.state, last.state.tokens)
          if (afterwards !== undefined) void this.#track(afterwards())
        })
      }
      throw error
    }
  }

  /** Why a grant is to end of which the store does not know yet. */
  pending(id: string): EndReason | undefined {
    return this.#pending.why(id)
  }

  /**
   * Ends what nobody will know of. Nobody waits for it.
   *
   * @param creation is still under way; if it comes to nothing, so does this.
   */
  abandon(id: string, creation: Promise<unknown> = Promise.resolve()): void {
    void this.#track(creation.then(async () => this.bury(id, 'abandoned')))
  }

  /** @param tokens that came with an ID Token which is not to be trusted; they may never have been stored. */
  async endUntrusted(id: string, owner: GrantOwner, tokens: TokenSet): Promise<void> {
    const attempt = async (): Promise<void> => {
      await reach(this.#engine, this.#engine.store.end(id, 'untrusted'))
      this.ended(id, owner, 'untrusted')
    }
    try {
      await attempt()
    } catch (error) {
      if (isStoreAway(error)) this.#pending.add(id, 'untrusted', attempt)
      throw error
    } finally {
      await this.revoke(id, owner, tokens)
    }
  }

  /** Says that a grant has ended. */
  ended(id: string, { provider }: GrantOwner, why: EndReason): void {
    this.#engine.tell({ type: 'grant-ended', provider, grantId: id, why })
  }

  /** Best effort: a server that is down must not keep anybody signed in. Never rejects. */
  async revoke(id: string, { provider }: GrantOwner, tokens: TokenSet): Promise<void> {
    await this.#track(this.#revoke(id, provider, tokens))
  }

  /** Resolves when the store knows of every ending, and nothing is being revoked any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0 || this.#pending.size > 0) {
      await Promise.all(this.#underWay)
      await this.#pending.drained()
    }
  }

  #track(work: Promise<unknown>): Promise<void> {
    const done = work.then(
      () => {},
      () => {},
    )
    this.#underWay.add(done)
    return done.finally(() => this.#underWay.delete(done))
  }

  /** A record that cannot be read ends nonetheless. */
  async #inspect(id: string): Promise<GrantRecord | undefined> {
    try {
      const found = await reach(this.#engine, this.#engine.store.inspect(id))
      return found.kind === 'live' ? { state: found.state, session: found.session } : undefined
    } catch (error) {
      if (isStoreAway(error)) throw error
      return undefined
    }
  }

  async #revoke(id: string, provider: string, tokens: TokenSet): Promise<void> {
    const { serverOf, runtime, tell } = this.#engine
    try {
      await patiently(serverOf(provider).revoke(tokens), REVOCATION_BUDGET_MS, runtime)
    } catch (thrown) {
      tell({ type: 'revocation-failed', provider, grantId: id, cause: withoutSecrets(thrown) })
    }
  }
}

/**
 * A grant that was replaced is not revoked: many servers keep one grant for all sign-ins of a browser, and revoking would take the new
 * one along. Nor, for the same reason, is one that came to nothing: the sign-in before it goes on, and whoever abandons it knows better.
 */
export function isRevoked(why: EndReason): boolean {
  return why !== 'replaced' && why !== 'abandoned'
}
