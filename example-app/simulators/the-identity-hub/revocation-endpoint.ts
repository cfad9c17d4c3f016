import { emptyAnswer, type Answer } from '../core/answers.ts'
import { FORM, mediaTypeOf, readParameters } from '../core/parameters.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { errorAnswer, type TenantHub } from './hub.ts'

/** `POST /{tenant}/oauth2/v1/revoke`: access tokens only; the client names itself, and a secret is not asked for. */
export function revoke(hub: TenantHub, request: RawRequest): Answer {
  const { tokens, client, switches } = hub.state
  if (mediaTypeOf(request) !== FORM) return errorAnswer(hub, 'invalid_request')

  const parameters = readParameters(request.body)
  const [value, hint] = [parameters('token'), parameters('token_type_hint')]
  if (value === undefined) return errorAnswer(hub, 'invalid_request')
  if (parameters('client_id') !== client.clientId) return errorAnswer(hub, 'invalid_client')
  if (hint === undefined && switches.revocationHintRequired) return errorAnswer(hub, 'invalid_request')
  if (hint !== undefined && hint !== 'access_token') return errorAnswer(hub, 'unsupported_token_type')
  if (tokens.refreshTokens.some((issued) => issued.value === value)) return errorAnswer(hub, 'unsupported_token_type')

  const found = tokens.findAccessToken(value)
  if (found.kind !== 'valid' || hub.tenantOf.get(found.token.authorization) !== hub.tenant) {
    return errorAnswer(hub, 'invalid_token')
  }
  tokens.revoke([found.token])
  return emptyAnswer(200)
}
