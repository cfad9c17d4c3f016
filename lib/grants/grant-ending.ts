import { withoutSecrets } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { AuthorizationServer } from '../protocol/authorization-server.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import type { Runtime } from '../runtime.ts'
import { reachable } from './faults.ts'
import type { EndReason, GrantOwner, GrantState } from './grant.ts'
import type { GrantStore } from './grant-store.ts'
import { patiently } from './patience.ts'

const REVOCATION_BUDGET_MS = 3_000

/** How grants end: tombstone first, so that nothing can come back, then revocation (RFC 7009) within a time budget. */
export class GrantEnding {
  readonly #store: GrantStore
  readonly #serverOf: (provider: string) => AuthorizationServer
  readonly #runtime: Runtime
  readonly #tell: EventListener

  constructor(
    store: GrantStore,
    serverOf: (provider: string) => AuthorizationServer,
    runtime: Runtime,
    tell: EventListener,
  ) {
    this.#store = store
    this.#serverOf = serverOf
    this.#runtime = runtime
    this.#tell = tell
  }

  /**
   * A grant that was replaced is not revoked: many servers keep one grant for all sign-ins of a browser, and revoking would take the
   * new one along.
   *
   * @returns the last state, `undefined` if there was nothing to end.
   */
  async end(id: string, why: EndReason): Promise<GrantState | undefined> {
    const last = await reachable(this.#store.end(id, why))
    if (last === undefined) return undefined
    this.#tell({ type: 'grant-ended', provider: last.provider, grantId: id, why })
    if (why !== 'replaced') await this.revoke(id, last, last.tokens)
    return last
  }

  /** @param tokens that came with an ID Token which is not to be trusted; they may never have been stored. */
  async endUntrusted(id: string, { provider }: GrantOwner, tokens: TokenSet): Promise<void> {
    await reachable(this.#store.end(id, 'untrusted'))
    this.#tell({ type: 'grant-ended', provider, grantId: id, why: 'untrusted' })
    await this.revoke(id, { provider }, tokens)
  }

  /** Best effort: a server that is down must not keep anybody signed in. */
  async revoke(id: string, { provider }: Pick<GrantOwner, 'provider'>, tokens: TokenSet): Promise<void> {
    try {
      await patiently(this.#serverOf(provider).revoke(tokens), REVOCATION_BUDGET_MS, this.#runtime)
    } catch (thrown) {
      this.#tell({ type: 'revocation-failed', provider, grantId: id, cause: withoutSecrets(thrown) })
    }
  }
}
