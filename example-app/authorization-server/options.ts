import type { RequestHandler } from 'express'

import type { DemoAccount } from './accounts.ts'

/** A relying party, registered before the server starts. */
export interface RegisteredClient {
  readonly clientId: string
  /** Absent: a public client. */
  readonly clientSecret?: string
  /** Shown on the consent page. Default: `clientId`. */
  readonly name?: string
  /** Compared byte by byte (RFC 9700 §2.1). */
  readonly redirectUris: readonly string[]
  /** Default: none. */
  readonly postLogoutRedirectUris?: readonly string[]
  /** Where OpenID Connect Back-Channel Logout 1.0 tokens are sent. Default: nowhere. */
  readonly backchannelLogoutUri?: string
  /** Default: 'client_secret_basic' with a secret, 'none' without. */
  readonly tokenEndpointAuthMethod?: 'client_secret_basic' | 'client_secret_post' | 'none'
}

/** A resource server, which may introspect every token (RFC 7662) and sign nobody in. */
export interface ResourceServerClient {
  readonly clientId: string
  readonly clientSecret: string
}

export interface AuthorizationServerOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Address to listen on. Default '127.0.0.1'. */
  readonly host?: string
  /**
   * Host name in the issuer URL. Default: `host`. With 'localhost', a browser takes this server for another *site* than
   * an app on 127.0.0.1, as it is in real life.
   */
  readonly issuerHost?: string
  /** Default 10, so that a refresh is seen within moments. */
  readonly accessTokenTtlSeconds?: number
  /** Counted anew at each rotation. Default: 14 days. */
  readonly refreshTokenTtlSeconds?: number
  /**
   * 'always' (default), or only where 'offline_access' was granted, which takes `prompt=consent`
   * (OpenID Connect Core 1.0 §11).
   */
  readonly refreshTokens?: 'always' | 'offline_access'
  /** Put the claims of `profile` and `email` into the ID Token, not only into the UserInfo response. Default true. */
  readonly claimsInIdToken?: boolean
  readonly clients: readonly RegisteredClient[]
  readonly resourceServerClient?: ResourceServerClient
  /** Absolute URIs for which access tokens of their own may be asked for (RFC 8707). Default: none. */
  readonly resources?: readonly string[]
  /** Default: `DEMO_ACCOUNTS`. */
  readonly accounts?: readonly DemoAccount[]
  /** A line on the login page, such as who can sign in. Default: none. */
  readonly loginHint?: string
  /** Runs before everything else. With it, tests delay, refuse and cut answers of the real server. */
  readonly before?: RequestHandler
  /** Receives what should not have happened. Default: `console.error`. */
  readonly onError?: (error: unknown) => void
}
