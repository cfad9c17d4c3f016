/** Signature algorithms with a key pair (RFC 7518 §3.1, RFC 8037, RFC 9864): never `none`, and never a MAC. */
export const ASYMMETRIC_ALGORITHM: RegExp = /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/

/**
 * How the client proves who it is at the token endpoint (RFC 6749 §2.3, OIDC Core §9). Fixed; never tried two ways.
 * `client_secret_basic_raw`: HTTP Basic without the form encoding that RFC 6749 §2.3.1 asks for, for servers that do not decode it.
 */
export type ClientAuthentication = 'none' | 'client_secret_basic' | 'client_secret_basic_raw' | 'client_secret_post'

/**
 * What happens to a refresh token when it is used.
 * `rotating`: it is spent, and presenting it again may revoke everything (RFC 9700 §4.14.2).
 * `rotating-on-use`: it is spent when the access token that it brought is used for the first time; an answer that was lost can be asked for
 * once more.
 * `reusable`: it stays good.
 * `graceMs`: it is spent, but accepted again for so long, so that an answer that was lost can be asked for once more.
 */
export type Rotation = 'rotating' | 'rotating-on-use' | 'reusable' | { readonly graceMs: number }

/** What is known of a server without asking it (RFC 8414 §2). Each URL is used as it is written, with or without a slash at its end. */
export interface StaticMetadata {
  /** Compared, as a string, with `iss` of ID Tokens and authorization responses. */
  readonly issuer?: string | undefined
  readonly authorizationEndpoint?: string | undefined
  readonly tokenEndpoint?: string | undefined
  readonly userInfoEndpoint?: string | undefined
  readonly revocationEndpoint?: string | undefined
  /** `false`: not to be used, whatever the server says of itself. */
  readonly endSessionEndpoint?: string | false | undefined
  readonly jwksUri?: string | undefined
}

/** How a token request is written. RFC 6749 §4.1.3 knows only a form in the body. */
export interface TokenRequestForm {
  /** Where the parameters go. `query`: into the URL, secret included, with an empty body. */
  readonly parameters: 'form' | 'json' | 'query'
  /** Another label on the same body. Default: the one that the body has; none with `query`. */
  readonly contentType?: string | undefined
}

/** What a refresh request (RFC 6749 §6) carries beyond the refresh token. */
export interface RefreshRequestForm {
  /** The redirect URI of the sign-in. */
  readonly redirectUri: boolean
  /** The PKCE verifier of the sign-in. */
  readonly codeVerifier: boolean
  /** The scope of the sign-in. */
  readonly scope: boolean
  /** The client's credentials, if it has any. */
  readonly clientAuthentication: boolean
}

/** An answer, recognised by its status, by one member of its JSON body, or by both. */
export type AnswerPattern =
  | { readonly status: number; readonly member?: undefined; readonly values?: undefined }
  | {
      readonly status?: number | undefined
      /** Its name, or the path to it, with dots: `error.code`. */
      readonly member: string
      /** What the member must be. Default: anything. */
      readonly values?: readonly (string | number)[] | undefined
    }

/** An error of the token endpoint in the server's own words. One without `member` is not about HTML: that is the page of something in between. */
export type TokenErrorPattern = AnswerPattern & {
  /** The same in the words of RFC 6749 §5.2. */
  readonly means: 'invalid_grant' | 'invalid_client' | 'invalid_request' | 'invalid_scope' | 'unauthorized_client' | 'temporarily_unavailable' // prettier-ignore
}

/** What an application's own `identify` works with: the tokens that a sign-in has just brought. */
export interface IdentifyContext {
  readonly accessToken: string
  /** `fetch` with the access token: to `https:` alone, through no redirect, and for at most 64 KiB. */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>
  readonly signal: AbortSignal
}

/** Claims about an end-user. */
export interface IdentifiedUser {
  /** Names the end-user at this provider, for good: never given to anybody else. */
  readonly sub: string
  readonly [claim: string]: unknown
}

/** Says who has signed in where there is no ID Token. */
export type Identify = (context: IdentifyContext) => Promise<IdentifiedUser>

/** An API that says who the holder of an access token is: JSON about the end-user, by GET. */
export interface IdentityEndpoint {
  /** `userinfo`: the UserInfo endpoint. */
  readonly url: string
  /** The member that names the end-user for good. */
  readonly subject: string
  /** The member of the answer in which the end-user is, such as `data`. Default: the answer itself. */
  readonly within?: string | undefined
  /** Which members of the answer become `user`, and so go into the session, beside `sub`. Default: all of them. */
  readonly claims?: readonly string[] | undefined
}

/**
 * How one authorization server differs from the next. Data, never code: `protocol/` interprets it, with no provider's name
 * in it. Made by a factory such as `oidc()`, or by one of `defineProvider`.
 */
export interface Provider {
  /** Stands in messages and events, and on buttons. */
  readonly name: string
  readonly clientId: string
  /** Not enumerable, so that a logged provider does not show it. */
  readonly clientSecret: string | undefined

  /** Goes before what the server says of itself. */
  readonly metadata: StaticMetadata
  /** Stands in where the server says nothing; empty where nothing is fetched. */
  readonly fallbackMetadata: StaticMetadata
  /** The issuer, or the full URL of its metadata document (OpenID Connect Discovery §4, RFC 8414 §3). `undefined`: nothing is fetched. */
  readonly discoveryUrl: string | undefined
  readonly allowHttp: boolean
  /** Extra headers of every request to the server, such as `user-agent`. */
  readonly requestHeaders: Readonly<Record<string, string>>
  /** As registered, byte for byte (RFC 6749 §3.1.2.3). `undefined`: the one that the application's public address gives. */
  readonly redirectUri: string | undefined

  /**
   * How the browser brings the authorization request. `get`: by a redirect. `post`: as a form (OIDC Core §3.1.2.1). `post-query`: by an
   * empty POST, with the parameters in the URL.
   */
  readonly authorizationRequest: 'get' | 'post' | 'post-query'
  /** Space-separated (RFC 6749 §3.3); empty: none is sent. */
  readonly scope: string
  /** Extra parameters of every authorization request. */
  readonly authorizationParameters: Readonly<Record<string, string>>
  /** Resource servers that access tokens will be asked for (RFC 8707 §2.1). */
  readonly resources: readonly string[]
  /** How the answer comes back (OAuth 2.0 Multiple Response Type Encoding Practices §2.1). */
  readonly responseMode: 'query' | 'form_post'
  /** `off`: the server refuses what it does not know. The transaction stays bound to the session by `state` alone then. */
  readonly pkce: 'S256' | 'off'

  /** `undefined`: what the metadata offers, `client_secret_basic` first; `none` without a secret. */
  readonly clientAuthentication: ClientAuthentication | undefined
  readonly tokenRequest: TokenRequestForm
  readonly refreshRequest: RefreshRequestForm
  /** Lifetime of an access token whose answer has no `expires_in`. Seconds; `undefined`: as long as it is accepted. */
  readonly defaultExpiresIn: number | undefined
  /** Tried in order, before the words of RFC 6749 §5.2. */
  readonly tokenErrors: readonly TokenErrorPattern[]
  readonly rotation: Rotation
  /** Does a refresh end the access token before it? */
  readonly refreshEndsAccessToken: boolean

  /**
   * `validate`: with `openid` in the scope an ID Token is demanded and checked (OIDC Core §3.1.3.7). `ignore`: what comes is dropped unread,
   * for servers whose issuer or keys are not known.
   */
  readonly idToken: 'validate' | 'ignore'
  /** The one `alg` accepted for ID Tokens; `undefined`: the asymmetric ones that the metadata lists, else RS256. */
  readonly idTokenSigningAlg: string | undefined
  /** How far the server's clock may be off when time stamps of ID Tokens and logout tokens are judged. Seconds. */
  readonly clockToleranceSeconds: number
  /**
   * Who has signed in, where no ID Token says so. `userinfo`: the UserInfo endpoint does, by `sub`. `undefined`: nobody knows; each sign-in
   * gets a name of its own.
   */
  readonly identity: Identify | IdentityEndpoint | 'userinfo' | undefined
  /** Extra query parameters of UserInfo requests. */
  readonly userInfoParameters: Readonly<Record<string, string>>

  /** Answers of the provider's API that mean: this access token is not good any more. */
  readonly expiredTokenAnswers: readonly AnswerPattern[]

  /** What is revoked at sign-out (RFC 7009). `refresh_token`: the access token where there is none. */
  readonly revocation: 'refresh_token' | 'access_token' | 'none'
  /** Does sign-out at the server need `id_token_hint` (OpenID Connect RP-Initiated Logout §2)? It shows the ID Token to the browser. */
  readonly sendIdTokenHint: boolean
  /** Are logout tokens without `typ`, or with `JWT` as such, accepted (OpenID Connect Back-Channel Logout 1.0 §2.4)? */
  readonly acceptUntypedLogoutTokens: boolean
}
