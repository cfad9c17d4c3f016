import type { SigningKey } from '../core/signing-key.ts'
import type { CommonSwitches, SimulatorOptions, SimulatorState } from '../core/state.ts'

export type PrivoTokenPath = '/auth/token' | '/oauth/token' | '/token'

/** What PRIVO's pages contradict each other on, what is not certain, and what differs between its partners. */
export interface PrivoSwitches extends CommonSwitches {
  /** Which of the three documented paths exist. Default all. */
  tokenPaths: readonly PrivoTokenPath[]
  /** How an authorization request may come: by GET, as a POST with its parameters in the URL, or as a form. Default all. */
  authorizeMethods: readonly ('get' | 'post-query' | 'post-form')[]
  /**
   * What happens to a body labelled `application/json`: it is read as the form that it looks like (`form-shaped`, the code
   * page), not read at all, as in a servlet (`unread`, the default), or read as JSON (`json`).
   */
  jsonLabel: 'form-shaped' | 'unread' | 'json'
  /**
   * How a client may authenticate. `basic-encoded` compares as MITREid Connect does: the id decoded, and the secret with
   * the registered one in URI-path encoding. Default all.
   */
  clientAuth: readonly ('basic-raw' | 'basic-encoded' | 'parameters')[]
  /** Off: PRIVO has registered the redirect URIs without the `?` at their end. Default true: as they are. */
  redirectTrailingQuestionMark: boolean
  /** A refresh token comes only with the scope `offline_access`. Default true. */
  offlineAccessNeeded: boolean
  /** A refresh token stays as it is; otherwise each refresh brings a new one and ends the old one. Default true. */
  reuseRefreshToken: boolean
  /** A refresh ends all access tokens issued before under the same refresh token. Default true. */
  clearAccessTokensOnRefresh: boolean
  /** The issuer ends in a slash. Default true. */
  issuerSlash: boolean
  /** Which token responses carry `scope`. Default `refresh`, as in the samples. */
  scopeInResponse: 'never' | 'refresh' | 'always'
  /** A refresh brings an ID Token as well. Default false, as in the samples. */
  idTokenOnRefresh: boolean
  /** UserInfo needs the parameter `service_id`. Default false: calls with a user's token do without. */
  serviceIdRequired: boolean
  /** Whether there is a discovery document. Default true. */
  discovery: boolean
}

export interface PrivoOptions extends SimulatorOptions<PrivoSwitches> {
  /** Claims of demo accounts, by user name, instead of the made-up ones. */
  readonly claims?: Readonly<Record<string, { readonly sub: string; readonly [claim: string]: unknown }>> | undefined
}

/** What the endpoints work with. */
export interface Privo {
  readonly state: SimulatorState<PrivoSwitches>
  readonly key: SigningKey
  readonly claims: NonNullable<PrivoOptions['claims']>
}
