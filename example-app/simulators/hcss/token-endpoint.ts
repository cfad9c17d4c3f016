import { emptyAnswer, type Answer } from '../core/answers.ts'
import { FORM, mediaTypeOf, readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { verifierMatches } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { ROTATE_REFRESH_TOKEN_ONLY, type Rotation } from '../core/rotation.ts'
import type { HcssState } from './state.ts'
import { APP_CLIENT, authenticateClient } from './client-authentication.ts'
import { APP_SCOPES } from './scopes.ts'
import { tokenAnswer, tokenError } from './token-answers.ts'

/** Thirty days after the sign-in it is over, however often it was refreshed. */
const ONE_TIME: Rotation = { ...ROTATE_REFRESH_TOKEN_ONLY, absoluteLifetime: true }
const REUSABLE: Rotation = { refreshToken: 'same', oldRefreshToken: 'lives-on', oldAccessTokens: 'lives-on' }

/** `POST /identity/connect/token`, with the checks in the order of IdentityServer. The query is not looked at. */
export function answerTokenRequest(state: HcssState, request: RawRequest): Answer {
  if (request.method !== 'POST' || mediaTypeOf(request) !== FORM) return tokenError('invalid_request')

  const parameters = readParameters(request.body)
  const client = authenticateClient(state, request, parameters)
  if (client === undefined) return tokenError('invalid_client')

  const grantType = parameters('grant_type') ?? ''
  // HCSS documents the status alone.
  if (state.switches.customerMustAuthoriseAgain && grantType !== 'authorization_code') return emptyAnswer(401)

  switch (grantType) {
    case 'authorization_code':
      return client === 'user' ? exchange(state, parameters) : tokenError('unauthorized_client')
    case 'refresh_token':
      return client === 'user' ? refresh(state, parameters) : tokenError('unauthorized_client')
    case 'client_credentials':
      return client === 'app' ? appToken(state, parameters) : tokenError('unauthorized_client')
    case 'company':
      return client === 'app' ? companyToken(state, parameters) : tokenError('unauthorized_client')
    default:
      return tokenError('unsupported_grant_type')
  }
}

function exchange(state: HcssState, parameters: Parameters): Answer {
  state.tokens.counters.codeRequests += 1
  const code = parameters('code') ?? ''
  const authorization = state.codes.find(code)
  if (authorization === undefined) return tokenError('invalid_grant')

  // From here on it is spent, whatever else is wrong.
  state.codes.spend(code)
  const redirectUri = parameters('redirect_uri')
  if (redirectUri === undefined) return tokenError('unauthorized_client')
  if (redirectUri !== authorization.redirectUri) return tokenError('invalid_grant')
  if (!verifierIsInOrder(parameters('code_verifier'), authorization.codeChallenge, state.switches.pkceRequired)) {
    return tokenError('invalid_grant')
  }

  const withRefreshToken = authorization.scope.includes('offline_access')
  return tokenAnswer(state, state.tokens.issue(authorization, { withRefreshToken }), authorization.nonce)
}

/** A verifier without a challenge is as wrong as a challenge without its verifier. */
function verifierIsInOrder(verifier: string | undefined, challenge: string | undefined, required: boolean): boolean {
  if (challenge === undefined) return verifier === undefined && !required
  return verifier !== undefined && verifierMatches(verifier, challenge)
}

function refresh(state: HcssState, parameters: Parameters): Answer {
  const { tokens, switches } = state
  tokens.counters.refreshRequests += 1
  const value = parameters('refresh_token')
  if (value === undefined) return tokenError('invalid_request')

  const presented = tokens.presentRefreshToken(value)
  if (presented.kind !== 'valid' || switches.offlineAccess === 'refused') return tokenError('invalid_grant')
  return tokenAnswer(state, tokens.refresh(presented.token, switches.refreshOneTime ? ONE_TIME : REUSABLE))
}

function appToken(state: HcssState, parameters: Parameters): Answer {
  const asked = readScope(parameters('scope'))
  if (asked.some((scope) => !APP_SCOPES.includes(scope))) return tokenError('invalid_scope')

  const scope = asked.length === 0 ? APP_SCOPES : asked
  const authorization = { clientId: APP_CLIENT.clientId, redirectUri: '', scope, subject: undefined }
  return tokenAnswer(state, state.tokens.issue(authorization, { withRefreshToken: false }))
}

/** HCSS's own grant: like client credentials, for one company that has connected the app. */
function companyToken(state: HcssState, parameters: Parameters): Answer {
  const company = parameters('CompanyId')
  if (company === undefined) return tokenError('invalid_request')
  if (!state.switches.connectedCompanies.includes(company)) return tokenError('invalid_grant')
  return appToken(state, parameters)
}
