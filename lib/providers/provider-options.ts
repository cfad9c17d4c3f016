import type {
  AnswerPattern,
  ClientAuthentication,
  Identify,
  IdentityEndpoint,
  Rotation,
  TokenErrorPattern,
} from './provider.ts'

/**
 * What can be said of a provider, each beside what its factory knows already and going before it. URLs of endpoints are absolute, or paths
 * below `host`; they are used as they are written, with or without a slash at the end.
 */
export interface ProviderOptions {
  clientId: string
  /** Leave out for a public client (PKCE alone), where the provider knows such. */
  clientSecret?: string | undefined
  /**
   * Default with a secret: the provider's own way, else `client_secret_basic` if the server's metadata offers it, else `client_secret_post`;
   * `none` without one.
   */
  clientAuthentication?: ClientAuthentication | undefined
  /** Stands in messages and events. Default: the provider's name, or its host. */
  name?: string | undefined

  /** Where the provider is: a host name, or an `https:` URL with a path or without; a slash at its end means nothing. */
  host?: string | undefined
  /** The customer's part of the provider's paths: one segment. */
  tenant?: string | undefined
  /** The application's id in the provider's paths, where it has metadata of its own. */
  appId?: string | undefined
  /**
   * Fetches the server's metadata document (OpenID Connect Discovery §4, RFC 8414 §3): `true` from where the provider has it, or an issuer, or
   * the full URL of the document. What is written here still goes before it. Default: as the provider does.
   */
  discovery?: boolean | string | undefined
  /** Compared with `iss` of ID Tokens and authorization responses (RFC 9207), exactly as the server writes it. */
  issuer?: string | undefined
  authorizationEndpoint?: string | undefined
  tokenEndpoint?: string | undefined
  userInfoEndpoint?: string | undefined
  revocationEndpoint?: string | undefined
  /** `false`: sign-out ends here, whatever the server offers. */
  endSessionEndpoint?: string | false | undefined
  /** The server's keys (RFC 7517). */
  jwksUri?: string | undefined

  /**
   * How the browser brings the authorization request: `get`, by a redirect; `post`, as a form (OIDC Core §3.1.2.1); `post-query`, by an empty
   * POST with the parameters in the URL. Default `get`.
   */
  authorizationRequest?: 'get' | 'post' | 'post-query' | undefined
  /** Space-separated. Most servers issue a refresh token only with `offline_access`. */
  scope?: string | undefined
  /** Extra parameters of every authorization request, such as `audience` or `prompt`. */
  authorizationParameters?: Readonly<Record<string, string>> | undefined
  /** The resource servers that `accessToken({ resource })` may ask tokens for: absolute URIs (RFC 8707 §2.1). Default none. */
  resources?: readonly string[] | undefined
  /** `form_post` keeps the code out of URLs and server logs. Default `query`. */
  responseMode?: 'query' | 'form_post' | undefined
  /** `off` for a server that refuses `code_challenge`. A code that leaks can then be redeemed by whoever has the secret. Default `S256`. */
  pkce?: 'S256' | 'off' | undefined
  /**
   * The redirect URI as it is registered, byte for byte, such as with a `?` at its end. Default: the callback's address below `baseUrl`; it
   * must lead there as well.
   */
  redirectUri?: string | undefined

  /**
   * How token requests are written: `form` (RFC 6749 §4.1.3), `json`, or `query`, which puts everything, the secret included, into the URL,
   * and so into the logs of the provider and of what stands before it, and into what an instrumentation of `fetch` in this process, such as
   * undici's diagnostics channels, records of each request. Default `form`.
   */
  tokenRequest?: 'form' | 'json' | 'query' | undefined
  /** Another `Content-Type` on the same body; with `query`, on the empty one, which has none by default. */
  tokenRequestContentType?: string | undefined
  /** Extra headers of every request to the provider, such as `user-agent`: for tokens, metadata, keys, UserInfo, identity, revocation. */
  requestHeaders?: Readonly<Record<string, string>> | undefined
  /**
   * What a refresh repeats of the sign-in, beside the refresh token: its `redirectUri`, its PKCE `codeVerifier`, its `scope`; and whether it
   * carries the secret, `clientAuthentication`. Default: the secret alone (RFC 6749 §6). Sign-ins from before more was wanted end.
   */
  refreshRequest?:
    | {
        readonly redirectUri?: boolean | undefined
        readonly codeVerifier?: boolean | undefined
        readonly scope?: boolean | undefined
        readonly clientAuthentication?: boolean | undefined
      }
    | undefined
  /** Lifetime of an access token that comes without `expires_in`. Seconds. Default: used until it is refused. */
  defaultExpiresIn?: number | undefined
  /** Errors of the token endpoint in the server's own words, tried in order before those of RFC 6749 §5.2. */
  tokenErrors?: readonly TokenErrorPattern[] | undefined
  /**
   * Default `rotating`, which is safe for all. `reusable`, or `{ graceMs }` where a spent refresh token is accepted again for so long,
   * recovers sooner from a lost answer; so does `rotating-on-use`.
   */
  rotation?: Rotation | undefined
  /**
   * Does a refresh end the access token before it? Then a request that cannot be sent again waits for a refresh that is due, rather than
   * being refused with the old token. Default `false`.
   */
  refreshEndsAccessToken?: boolean | undefined

  /** Default: `validate` where the issuer and its keys are known; else an ID Token is dropped unread, `ignore`. */
  idToken?: 'validate' | 'ignore' | undefined
  /** Pins the one `alg` accepted for ID Tokens. Default: the asymmetric ones that the metadata lists, else RS256. */
  idTokenSigningAlg?: string | undefined
  /** How far the server's clock may be off. Seconds, default 30. */
  clockToleranceSeconds?: number | undefined
  /** Who has signed in, where no ID Token says so: an API of the provider, its UserInfo endpoint, or a function that finds out. */
  identity?: Identify | IdentityEndpoint | 'userinfo' | undefined
  /** Extra query parameters of UserInfo requests. */
  userInfoParameters?: Readonly<Record<string, string>> | undefined

  /** Answers of the provider's API that mean: this access token is not good any more. Default: status 401. */
  expiredTokenAnswers?: readonly AnswerPattern[] | undefined

  /** What is revoked at sign-out (RFC 7009): `refresh_token` (the access token where there is none), `access_token` or `none`. */
  revocation?: 'refresh_token' | 'access_token' | 'none' | undefined
  /**
   * Sends `id_token_hint` at sign-out, for servers that do not sign out without it. Puts the ID Token into a URL, and so into the
   * browser's history and logs on the way. Default `false`: the client is named by `client_id` alone.
   */
  sendIdTokenHint?: boolean | undefined
  /**
   * Accepts logout tokens whose `typ` is not `logout+jwt` but absent or `JWT`, for servers from before that was specified. What the server
   * signs for another purpose is then told from them by its claims alone. Default `false`.
   */
  acceptUntypedLogoutTokens?: boolean | undefined
  /** Sends secrets and tokens in clear text, readable and changeable by anyone on the way. */
  dangerouslyAllowHttp?: boolean | undefined
}
