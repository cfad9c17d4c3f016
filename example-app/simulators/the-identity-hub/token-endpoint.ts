import { jsonAnswer, type Answer } from '../core/answers.ts'
import type { Authorization } from '../core/codes.ts'
import { FORM, mediaTypeOf, readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { verifierMatches } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { ROTATE_REFRESH_TOKEN_ONLY } from '../core/rotation.ts'
import type { IssuedPair } from '../core/tokens.ts'
import { errorAnswer, JSON_HEADERS, type TenantHub } from './hub.ts'

/** `POST /{tenant}/oauth2/v1/token`: a form, with the client's credentials in it. */
export function token(hub: TenantHub, request: RawRequest): Answer {
  if (mediaTypeOf(request) !== FORM) return errorAnswer(hub, 'invalid_request')

  const parameters = readParameters(request.body)
  const grantType = parameters('grant_type')
  if (grantType === undefined) return errorAnswer(hub, 'invalid_request')
  if (!isClient(hub, parameters)) return errorAnswer(hub, 'invalid_client')

  switch (grantType) {
    case 'authorization_code':
      return exchange(hub, parameters)
    case 'refresh_token':
      return refresh(hub, parameters)
    case 'client_credentials':
      return appToken(hub, parameters)
    default:
      return errorAnswer(hub, 'unsupported_grant_type')
  }
}

function isClient({ state }: TenantHub, parameters: Parameters): boolean {
  const { client, switches } = state
  if (parameters('client_id') !== client.clientId) return false
  return switches.clientType === 'public' || parameters('client_secret') === client.clientSecret
}

function exchange(hub: TenantHub, parameters: Parameters): Answer {
  const { codes, tokens, switches } = hub.state
  tokens.counters.codeRequests += 1
  const code = parameters('code')
  if (code === undefined) return errorAnswer(hub, 'invalid_request')

  const authorization = codes.find(code)
  if (authorization === undefined || !isBoundTo(hub, authorization, parameters))
    return errorAnswer(hub, 'invalid_grant')

  codes.spend(code)
  const pair = tokens.issue(authorization, { withRefreshToken: true })
  const wantsIdToken = switches.openid && authorization.scope.includes('openid')
  return tokenAnswer(hub, pair, wantsIdToken ? hub.state.nextToken('id_token', authorization) : undefined)
}

function isBoundTo(hub: TenantHub, authorization: Authorization, parameters: Parameters): boolean {
  if (hub.tenantOf.get(authorization) !== hub.tenant) return false
  if (parameters('redirect_uri') !== authorization.redirectUri) return false
  const { codeChallenge } = authorization
  return codeChallenge === undefined || verifierMatches(parameters('code_verifier') ?? '', codeChallenge)
}

function refresh(hub: TenantHub, parameters: Parameters): Answer {
  const { tokens, switches } = hub.state
  tokens.counters.refreshRequests += 1
  const value = parameters('refresh_token')
  if (value === undefined) return errorAnswer(hub, 'invalid_request')

  const presented = tokens.presentRefreshToken(value)
  if (presented.kind !== 'valid' || switches.blockUser) return errorAnswer(hub, 'invalid_grant')
  if (hub.tenantOf.get(presented.token.authorization) !== hub.tenant) return errorAnswer(hub, 'invalid_grant')

  const oldRefreshToken = switches.rotateOld === 'dies' ? 'at-once' : 'lives-on'
  return tokenAnswer(hub, tokens.refresh(presented.token, { ...ROTATE_REFRESH_TOKEN_ONLY, oldRefreshToken }))
}

/** A token of the app itself, without a user and without a refresh token. */
function appToken(hub: TenantHub, parameters: Parameters): Answer {
  const { state } = hub
  const scope = readScope(parameters('scope'))
  const authorization = { clientId: state.client.clientId, redirectUri: '', scope, subject: undefined }
  hub.tenantOf.set(authorization, hub.tenant)
  return tokenAnswer(hub, state.tokens.issue(authorization, { withRefreshToken: false }))
}

function tokenAnswer({ state }: TenantHub, { access, refresh: next }: IssuedPair, idToken?: string): Answer {
  const { omitScope, expiresInAsString } = state.switches
  const expiresIn = (access.expiresAt - access.issuedAt) / 1000
  // Only the app's own scopes: `openid` was asked for as well, and is not in the documented answer.
  const scope = access.authorization.scope.filter((name) => name !== 'openid').join(' ')
  return jsonAnswer(200, JSON_HEADERS, {
    access_token: access.value,
    token_type: 'bearer',
    expires_in: expiresInAsString ? String(expiresIn) : expiresIn,
    scope: omitScope || scope === '' ? undefined : scope,
    refresh_token: next?.value,
    id_token: idToken,
  })
}
