/** When the predecessor of a token stops working. */
export type End = 'at-once' | 'at-first-use-of-the-new' | 'lives-on'

/** What a refresh does to the tokens before it. */
export interface Rotation {
  readonly refreshToken: 'new' | 'same'
  /** Only read when the refresh token is new. */
  readonly oldRefreshToken: End
  /** At the first use of the new: the one of the pair that was refreshed; else all. */
  readonly oldAccessTokens: End
  /** A new refresh token expires when the old one would have. Default false: its lifetime begins afresh. */
  readonly absoluteLifetime?: boolean
  /** A new access token lives as long as the one before it did. Default false: as long as is set when it is issued. */
  readonly inheritsLifetime?: boolean
}

/** HealthKey: a new pair, and both old tokens die at once. */
export const ROTATE_AT_ONCE: Rotation = {
  refreshToken: 'new',
  oldRefreshToken: 'at-once',
  oldAccessTokens: 'at-once',
}

/** One-time refresh tokens beside self-contained access tokens, which live until they expire. */
export const ROTATE_REFRESH_TOKEN_ONLY: Rotation = {
  refreshToken: 'new',
  oldRefreshToken: 'at-once',
  oldAccessTokens: 'lives-on',
}

/**
 * Doorkeeper: the old pair is revoked when the new access token is first used, so a lost answer can be asked for again.
 * What else came of the same refresh token lives on.
 */
export const ROTATE_LAZILY: Rotation = {
  refreshToken: 'new',
  oldRefreshToken: 'at-first-use-of-the-new',
  oldAccessTokens: 'at-first-use-of-the-new',
  inheritsLifetime: true,
}

/** MITREid Connect: the refresh token stays, every access token issued under it is cleared. */
export const REUSE_REFRESH_TOKEN: Rotation = {
  refreshToken: 'same',
  oldRefreshToken: 'lives-on',
  oldAccessTokens: 'at-once',
}
