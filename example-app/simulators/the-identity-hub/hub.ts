import { emptyAnswer, jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import type { Authorization } from '../core/codes.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { CommonSwitches, SimulatorState } from '../core/state.ts'

export interface TheIdentityHubSwitches extends CommonSwitches {
  /** The first segments of a path that are known; any other is answered with 404. Tokens are good in their own tenant only. */
  tenants: readonly string[]
  /** Do the endpoints end in a slash? Default `both`, as the documentation writes them. */
  slash: 'both' | 'with' | 'without'
  /** `public`: no secret is asked for. Default `confidential`. */
  clientType: 'confidential' | 'public'
  /** Does `openid` in the scope bring an ID Token? Default true. */
  openid: boolean
  /** Scopes that the user or missing rights take away. */
  reduceScope: readonly string[]
  /** Token responses without `scope`. */
  omitScope: boolean
  /** `expires_in` as text. */
  expiresInAsString: boolean
  /** The user is blocked: refreshes end in `invalid_grant`. */
  blockUser: boolean
  /** What becomes of a refresh token that was used; the documentation does not say. Default `dies`. */
  rotateOld: 'dies' | 'lives'
  /** The app has a signing certificate of its own, published at `/{tenant}/App/{appid}/…`, and ID Tokens are signed with it. */
  appLevelDiscovery: boolean
  /** The issuer in ID Tokens and in the app's own metadata document. Default `tenant`. */
  appLevelIssuer: 'tenant' | 'app'
  /** Not documented; default 400. */
  invalidClientStatus: 400 | 401
  /** Is `token_type_hint` required at the revocation endpoint? The older page calls it optional. Default true. */
  revocationHintRequired: boolean
}

/** What the endpoints work with. */
export interface Hub {
  readonly state: SimulatorState<TheIdentityHubSwitches>
  readonly tenantKey: SigningKey
  readonly appKey: SigningKey
  /** By the authorization that codes and tokens go back to. */
  readonly tenantOf: WeakMap<Authorization, string>
}

/** A request's place: the hub, and the tenant in its path. */
export interface TenantHub extends Hub {
  readonly tenant: string
}

export const JSON_HEADERS: readonly Header[] = [
  ['Content-Type', 'application/json;charset=UTF-8'],
  ['Cache-Control', 'no-store'],
  ['Pragma', 'no-cache'],
]

export type HubError =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_token'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'

/** An error of the token or revocation endpoint; the documentation shows no descriptions. */
export function errorAnswer({ state }: Hub, error: HubError): Answer {
  return jsonAnswer(error === 'invalid_client' ? state.switches.invalidClientStatus : 400, JSON_HEADERS, { error })
}

/** The answer to an access token that is no good; `what` is missing when there was none. */
export function challengeAnswer(what?: 'expired' | 'is invalid'): Answer {
  const error = what === undefined ? '' : ` error="invalid_token", error_description="The access token ${what}"`
  return emptyAnswer(401, [['WWW-Authenticate', `Bearer${error}`]])
}

/** Issuer of a tenant, without a slash at its end. */
export function tenantIssuer({ state }: Hub, tenant: string): string {
  return `${state.url}/${tenant}`
}

/** What stands as `iss` in ID Tokens, and as `issuer` in the document of the app. */
export function idTokenIssuer(hub: Hub, tenant: string): string {
  const { appLevelDiscovery, appLevelIssuer } = hub.state.switches
  const issuer = tenantIssuer(hub, tenant)
  return appLevelDiscovery && appLevelIssuer === 'app' ? `${issuer}/App/${hub.state.client.clientId}` : issuer
}
