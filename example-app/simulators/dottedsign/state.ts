import type { CommonSwitches, SimulatorOptions, SimulatorState } from '../core/state.ts'

/** What is not certain about DottedSign, or differs between its editions. */
export interface DottedSignSwitches extends CommonSwitches {
  /** Which bodies the token endpoint reads. Default `either`, as Doorkeeper. */
  bodyEncoding: 'json' | 'form' | 'either'
  /** Does the authorization response repeat `state`? Not documented; default true. */
  echoState: boolean
  /** `enforce`: a challenge is required and its verifier compared. `reject`: whoever sends either is refused. Default `ignore`. */
  pkce: 'ignore' | 'enforce' | 'reject'
  /** Who cannot be sent to the consent page sees a page of Doorkeeper, or is sent back (`handle_auth_errors :redirect`). Default `page`. */
  authorizationErrors: 'page' | 'redirect'
  /**
   * How the API says that a token is not good: with 401 in the vendor's envelope, with 401 and nothing but Doorkeeper's
   * headers, or with 400 and this `error_code`. Default 401.
   */
  expiredStyle: 401 | 'doorkeeper' | 400002 | 400003
  /** A `WWW-Authenticate` header beside token errors and 401 answers. Default true. */
  challengeHeader: boolean
  /** The old pair dies at the first use of the new access token; otherwise at the refresh. Default true. */
  lazyRotation: boolean
  /** A pair whose access token has expired can be revoked: since Doorkeeper 5.8.1. Default false: 200, and nothing done. */
  revokesExpired: boolean
  /** The API takes a token also from `?access_token=` (RFC 6750 §2.3). Default true. */
  acceptsTokenInQuery: boolean
  /** `scope` in token responses, if there is any. Default true. */
  scopeInResponse: boolean
  /** Every call with a good token is answered like this. Default none. */
  apiError: 400417 | 403002 | 406 | 429 | undefined
}

export type DottedSignOptions = SimulatorOptions<DottedSignSwitches>
export type DottedSignState = SimulatorState<DottedSignSwitches>
