import { jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import type { IssuedPair } from '../core/tokens.ts'
import type { HcssState } from './state.ts'

const HEADERS: readonly Header[] = [
  ['Content-Type', 'application/json; charset=UTF-8'],
  ['Cache-Control', 'no-store, no-cache, max-age=0'],
  ['Pragma', 'no-cache'],
]

/**
 * Members without a value are left out.
 *
 * @param nonce for the ID Token; a refresh has none (OIDC Core §12.2).
 */
export function tokenAnswer(state: HcssState, { access, refresh }: IssuedPair, nonce?: string): Answer {
  const { authorization } = access
  const withIdToken = state.switches.idToken && authorization.scope.includes('openid')
  return jsonAnswer(200, HEADERS, {
    id_token: withIdToken ? state.nextToken('id_token', { ...authorization, nonce }) : undefined,
    access_token: access.value,
    expires_in: state.lifetimes.accessTokenSeconds,
    token_type: 'Bearer',
    refresh_token: refresh?.value,
    scope: authorization.scope.join(' '),
  })
}

export type TokenError =
  | 'invalid_request'
  | 'invalid_grant'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'

/** Always 400, without a challenge, also for a client that is not known. */
export function tokenError(error: TokenError): Answer {
  return jsonAnswer(400, HEADERS, { error })
}
