import { randomBytes } from 'node:crypto'
import type { IssuedToken, TokenSet } from '../protocol/token-response.ts'

/** What identifies a grant and never changes. */
export interface GrantOwner {
  /** Key of the provider in the application's configuration. */
  readonly provider: string
  /** `sub` at that provider; absent where there is no ID Token. */
  readonly subject: string | undefined
  /** The end-user's session at that provider (`sid`, OpenID Connect Back-Channel Logout §2.1), if it gave it a name. */
  readonly sid?: string | undefined
}

/** The session of the application in which the end-user granted it. */
export interface GrantSession {
  /** In the session store. Opens nothing without the secret that signs the cookie, and is sealed nonetheless. */
  readonly id: string
  /** Epoch milliseconds. */
  readonly signedInAt: number
  /** Of the browser, so that an end-user can tell one device from another. */
  readonly userAgent?: string | undefined
}

/** All tokens that one grant holds at a time, born of the same refresh token. */
export interface GrantTokens extends TokenSet {
  /** Access tokens for one resource or part of the scope (RFC 8707 §2.2), by `targetKey`. */
  readonly perResource?: Readonly<Record<string, IssuedToken>> | undefined
}

/** One state of what an end-user granted: the tokens of one generation. */
export interface GrantState extends GrantOwner {
  /** Counts up by one with every stored refresh: the lineage. Starts at 1. */
  readonly generation: number
  /** Times in it are by the reader's own clock, whichever process wrote them. */
  readonly tokens: GrantTokens
  /** `false`: the signature of the ID Token that came along is still to be checked; not to be handed out. */
  readonly verified: boolean
  /** Epoch milliseconds of the last stored refresh; of the sign-in before the first. */
  readonly storedAt: number
}

/** Why a grant ended. */
export type EndReason =
  | 'signed-out'
  | 'replaced' // by a new sign-in of the same session
  | 'abandoned' // the sign-in failed after the server had issued the tokens
  | 'refused' // the server does not accept the refresh token any more
  | 'untrusted' // a refresh answered with an ID Token of somebody else, or one that the server did not sign

/** 256 random bits. Names a record, opens nothing by itself, and is not the cookie. */
export function newGrantId(): string {
  return randomBytes(32).toString('base64url')
}
