import { boundedMap } from '../bounded-map.ts'
import type { ProviderAccount } from './account.ts'

/** Far more than sign-outs within the time that a request takes. */
const MAX_ENDED = 10_000

/** Grants that ended here lately. A request that began before may write its old copy of the session back, account and all. */
export class EndedGrants {
  readonly #ids = boundedMap<true>(MAX_ENDED)

  has({ grantId }: Pick<ProviderAccount, 'grantId'>): boolean {
    return this.#ids.has(grantId)
  }

  add({ grantId }: Pick<ProviderAccount, 'grantId'>): void {
    this.#ids.set(grantId, true)
  }
}
