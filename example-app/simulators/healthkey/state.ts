import type { CommonSwitches, SimulatorState } from '../core/state.ts'

/** What is not certain about HealthKey, or differs between its clients. */
export interface HealthKeySwitches extends CommonSwitches {
  /**
   * Where the token endpoint reads its parameters: `query`, as documented, and nowhere else; `body`, refusing any query
   * as the server family does; or `either`. Default `body`.
   */
  placement: 'query' | 'body' | 'either'
  /**
   * How a query is refused where the parameters belong into the body. `json-as-html`, the default: 400 with JSON that is
   * labelled as HTML (Django OAuth Toolkit since 2.2). `server-error`: 500 with a page (before 2.2). `json`: 400 with
   * JSON that is labelled so.
   */
  queryRefusal: 'json-as-html' | 'server-error' | 'json'
  /** The documented members with `created_at`, or those of Django OAuth Toolkit with `scope`. Default `documented`. */
  responseShape: 'documented' | 'toolkit'
  /** A refresh must repeat the redirect URI of the login. Default true. */
  refreshNeedsRedirectUri: boolean
  /** A refresh must repeat the PKCE verifier of the login, if that had a challenge. Default true. */
  refreshNeedsVerifier: boolean
  /** A refresh of a confidential client must carry its secret. Default false, as documented. */
  refreshNeedsSecret: boolean
  /** Default `confidential`. A public client has no secret, and may not send one. */
  clientType: 'public' | 'confidential'
  /** An authorization request needs an S256 challenge. Default true. */
  pkceRequired: boolean
  /** The API takes a token also from `?access_token=` (RFC 6750 §2.3). Default true. */
  acceptsTokenInQuery: boolean
  /**
   * How the API says that a token is not good: 401 with a challenge (Django REST framework), or 403 without a word (the
   * toolkit's plain `ProtectedResourceView`). Default 401.
   */
  expiredStyle: 401 | 403
}

export type HealthKeyState = SimulatorState<HealthKeySwitches>
