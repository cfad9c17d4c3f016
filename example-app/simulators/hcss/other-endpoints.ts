import { emptyAnswer, jsonAnswer, redirectAnswer, type Answer, type Header } from '../core/answers.ts'
import { FORM, mediaTypeOf, readParameters } from '../core/parameters.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { HcssState } from './state.ts'
import { authenticateClient } from './client-authentication.ts'
import { issuerOf } from './jwts.ts'
import { USER_SCOPES } from './scopes.ts'
import { tokenError } from './token-answers.ts'

// None of this is on the pages of HCSS: these are the fixed paths of IdentityServer.

const JSON_TYPE: Header = ['Content-Type', 'application/json; charset=UTF-8']

export function discoveryDocument(state: HcssState): Answer {
  if (!state.switches.discovery) return emptyAnswer(404)
  const base = `${state.url}/identity`
  return jsonAnswer(200, [JSON_TYPE], {
    issuer: issuerOf(state),
    jwks_uri: `${base}/.well-known/openid-configuration/jwks`,
    authorization_endpoint: `${base}/connect/authorize`,
    token_endpoint: `${base}/connect/token`,
    userinfo_endpoint: `${base}/connect/userinfo`,
    end_session_endpoint: `${base}/connect/endsession`,
    revocation_endpoint: `${base}/connect/revocation`,
    scopes_supported: [...USER_SCOPES, 'offline_access'],
    grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token', 'company'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    id_token_signing_alg_values_supported: ['RS256'],
    subject_types_supported: ['public'],
    code_challenge_methods_supported: ['plain', 'S256'],
    // A server that does not emit it does not promise it (RFC 9207 §3).
    authorization_response_iss_parameter_supported: state.switches.emitIss === 'off' ? undefined : true,
  })
}

export function jwks(state: HcssState, key: SigningKey): Answer {
  return state.switches.discovery ? jsonAnswer(200, [JSON_TYPE], key.jwks()) : emptyAnswer(404)
}

/** Revokes refresh tokens; access tokens are self-contained and live until they expire. */
export function revoke(state: HcssState, request: RawRequest): Answer {
  if (request.method !== 'POST' || mediaTypeOf(request) !== FORM) return tokenError('invalid_request')
  const parameters = readParameters(request.body)
  if (authenticateClient(state, request, parameters) === undefined) return tokenError('invalid_client')
  const value = parameters('token')
  if (value === undefined) return tokenError('invalid_request')

  state.tokens.revoke(state.tokens.refreshTokens.filter((token) => token.value === value))
  return emptyAnswer(200)
}

/**
 * Ends the session of the browser (OpenID Connect RP-Initiated Logout 1.0). IdentityServer reads `post_logout_redirect_uri` only beside an
 * `id_token_hint` that it has signed for this client; it may have expired.
 */
export function endSession(state: HcssState, key: SigningKey, request: RawRequest): Answer {
  state.interactions.forget(request)
  const parameters = readParameters(request.query)
  const destination = parameters('post_logout_redirect_uri')
  const hint = key.verify(parameters('id_token_hint') ?? '')
  const isKnown = hint?.['iss'] === issuerOf(state) && hint['aud'] === state.client.clientId
  if (!isKnown || destination === undefined || state.client.postLogoutRedirectUris?.includes(destination) !== true) {
    return { status: 200, headers: [['Content-Type', 'text/html']], body: '<h1>You are now logged out</h1>' }
  }
  return redirectAnswer(destination, { state: parameters('state') })
}
