import type { CommonSwitches, SimulatorState } from '../core/state.ts'

/** What is not certain about HCSS, or differs between its clients. */
export interface HcssSwitches extends CommonSwitches {
  /** Default `public`, as on the code page. A confidential client sends its secret in the form or as Basic. */
  clientType: 'public' | 'confidential'
  /** An authorization request needs an S256 challenge. Default true. */
  pkceRequired: boolean
  /**
   * Who gets a refresh token: who asks for the scope `offline_access` (`when-asked`, the default), or nobody, because
   * HCSS has not enabled it and asking ends on an error page (`refused`).
   */
  offlineAccess: 'when-asked' | 'refused'
  /** Each refresh token works once; otherwise it stays the same. Default true. The old access token lives on. */
  refreshOneTime: boolean
  /** An ID Token for the scope `openid`. Default true. */
  idToken: boolean
  /** Whether there is a discovery document. Default true. */
  discovery: boolean
  /** The issuer that the server believes to be; default its URL with `/identity`. */
  issuer: string | undefined
  /** The `iss` of the authorization response (RFC 9207): none, that of the server, or another's. Default `off`. */
  emitIss: 'off' | 'right' | 'wrong'
  /** A firewall answers 403 with a page unless the `User-Agent` matches. Default none. */
  wafUserAgent: RegExp | undefined
  /** Calls of the API beyond this are answered with 429. Default none; HCSS has 100 a minute and 20 at once. */
  rateLimit: RateLimit | undefined
  /** The customer has to authorise the app again: token requests other than for a code are answered with 401. */
  customerMustAuthoriseAgain: boolean
  /** Companies whose administrator has connected the app, for the grant `company`. Default `['1']`. */
  connectedCompanies: readonly string[]
}

export interface RateLimit {
  readonly perMinute: number
  readonly atOnce: number
}

export type HcssState = SimulatorState<HcssSwitches>
