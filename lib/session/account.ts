import type { ConnectTo } from './pending-sign-in.ts'

/** Claims about the end-user, from the ID Token (OIDC Core §5.1) or the provider's API. */
export interface User {
  /** At this provider. Where nobody says who it is, a name that was made up for this sign-in alone: `anonymous-…`. */
  readonly sub: string
  readonly [claim: string]: unknown
}

/** Whom a provider knows the end-user as, and where the tokens are. The tokens themselves are never in the session. */
export interface ProviderAccount {
  /** Its key in the configuration. */
  readonly provider: string
  readonly user: User
  /** `true`: nobody said who it is. */
  readonly isAnonymous?: boolean | undefined
  readonly grantId: string
  /** What was granted, space-separated (RFC 6749 §3.3). */
  readonly scope: string
}

/** Who is signed in. */
export interface Account extends ProviderAccount {
  /** Epoch milliseconds. */
  readonly signedInAt: number
  /** Of the session that it was stored in, as far as the grant store knows. */
  readonly sessionId: string
  /** Of the browser that signed in. */
  readonly userAgent: string | undefined
}

/** An account at another provider that belongs to who is signed in. */
export interface Connection extends ProviderAccount {
  /** Epoch milliseconds. */
  readonly connectedAt: number
}

/** What a sign-in put an end to. */
export interface Superseded {
  readonly account: Account | undefined
  /** `false`: it was, as far as anybody knows, the same user's. */
  readonly isOther: boolean
  /** Empty if they go on with the new account. */
  readonly connections: readonly Connection[]
}

/** Is it the account that something was begun for? */
export function isOf({ provider, user }: ProviderAccount, to: ConnectTo): boolean {
  return provider === to.provider && user.sub === to.subject
}

/** Where nobody says who it is, it could always be the same user. */
export function maybeSameUser(
  one: Pick<ProviderAccount, 'provider' | 'user' | 'isAnonymous'>,
  other: Pick<ProviderAccount, 'provider' | 'user' | 'isAnonymous'>,
): boolean {
  if (one.provider !== other.provider) return false
  return one.isAnonymous === true || other.isAnonymous === true || one.user.sub === other.user.sub
}
