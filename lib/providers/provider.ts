/** Signature algorithms with a key pair (RFC 7518 §3.1, RFC 8037, RFC 9864): never `none`, and never a MAC. */
export const ASYMMETRIC_ALGORITHM: RegExp = /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/

/** How the client proves who it is at the token endpoint (RFC 6749 §2.3, OIDC Core §9). Fixed; never tried two ways. */
export type ClientAuthentication = 'none' | 'client_secret_basic' | 'client_secret_post'

/**
 * What happens to a refresh token when it is used.
 * `rotating`: it is spent, and presenting it again may revoke everything (RFC 9700 §4.14.2).
 * `reusable`: it stays good.
 * `graceMs`: it is spent, but accepted again for so long, so that an answer that was lost can be asked for once more.
 */
export type Rotation = 'rotating' | 'reusable' | { readonly graceMs: number }

/**
 * How one authorization server differs from the next. Data, never code: `protocol/` interprets it, with no provider's name
 * in it. Made by a factory such as `oidc()`.
 */
export interface Provider {
  /** Stands in messages and events. */
  readonly name: string
  /** The issuer, or the full URL of its metadata document (OpenID Connect Discovery §4, RFC 8414 §3). */
  readonly discoveryUrl: string
  readonly clientId: string
  /** Not enumerable, so that a logged provider does not show it. */
  readonly clientSecret: string | undefined
  /** `undefined`: what the metadata offers, `client_secret_basic` first; `none` without a secret. */
  readonly clientAuthentication: ClientAuthentication | undefined
  /** Space-separated (RFC 6749 §3.3). With `openid` among them an ID Token is demanded. */
  readonly scope: string
  /** Extra parameters of every authorization request. */
  readonly authorizationParameters: Readonly<Record<string, string>>
  /** Resource servers that access tokens will be asked for (RFC 8707 §2.1). */
  readonly resources: readonly string[]
  /** How the answer comes back (OAuth 2.0 Multiple Response Type Encoding Practices §2.1). */
  readonly responseMode: 'query' | 'form_post'
  /** The one `alg` accepted for ID Tokens; `undefined`: the asymmetric ones that the metadata lists, else RS256. */
  readonly idTokenSigningAlg: string | undefined
  readonly rotation: Rotation
  /** Does a refresh end the access token before it? */
  readonly refreshEndsAccessToken: boolean
  /** Does sign-out at the server need `id_token_hint` (OpenID Connect RP-Initiated Logout §2)? It shows the ID Token to the browser. */
  readonly sendIdTokenHint: boolean
  /** How far the server's clock may be off when time stamps of ID Tokens and logout tokens are judged. Seconds. */
  readonly clockToleranceSeconds: number
  /** Are logout tokens without `typ`, or with `JWT` as such, accepted (OpenID Connect Back-Channel Logout 1.0 §2.4)? */
  readonly acceptUntypedLogoutTokens: boolean
  readonly allowHttp: boolean
}
