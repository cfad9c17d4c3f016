import { randomBytes } from 'node:crypto'
import type { TokenSet } from '../protocol/token-response.ts'

/** What identifies a grant and never changes. */
export interface GrantOwner {
  /** Key of the provider in the application's configuration. */
  readonly provider: string
  /** `sub` at that provider; absent where there is no ID Token. */
  readonly subject: string | undefined
}

/** One state of what an end-user granted: the tokens of one generation. */
export interface GrantState extends GrantOwner {
  /** Counts up by one with every stored refresh: the lineage. Starts at 1. */
  readonly generation: number
  readonly tokens: TokenSet
  /** `false`: the signature of the ID Token that came along is still to be checked; not to be handed out. */
  readonly verified: boolean
  /** Epoch milliseconds, by the store's clock, of the last stored refresh; of the sign-in before the first. */
  readonly storedAt: number
}

/** Why a grant ended. */
export type EndReason =
  | 'signed-out'
  | 'replaced' // by a new sign-in of the same session
  | 'refused' // the server does not accept the refresh token any more
  | 'untrusted' // a refresh answered with an ID Token of somebody else, or one that the server did not sign

/** 256 random bits. Names a record, opens nothing by itself, and is not the cookie. */
export function newGrantId(): string {
  return randomBytes(32).toString('base64url')
}
