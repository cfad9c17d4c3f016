import { emptyAnswer, type Answer } from '../core/answers.ts'
import { readParameters } from '../core/parameters.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { HealthKeyState } from './state.ts'
import { isFromClient } from './client-authentication.ts'
import { tokenError } from './token-answers.ts'

/** `POST /o/revoke_token/` (RFC 7009), which the server family has and HealthKey does not document. */
export function revoke(state: HealthKeyState, request: RawRequest): Answer {
  const { tokens } = state
  if (request.query) return tokenError('invalid_request', 'URL query parameters are not allowed')
  const parameters = readParameters(request.body)
  const value = parameters('token')
  if (value === undefined) return tokenError('invalid_request', 'Missing token parameter.')
  if (!isFromClient(state, request, parameters, { secretNeeded: true })) return tokenError('invalid_client')

  // With a refresh token goes its access token, and not the other way round.
  const pair = tokens.findPair(value)
  if (pair !== undefined) tokens.revoke(pair.refresh?.value === value ? [pair.refresh, pair.access] : [pair.access])
  return emptyAnswer(200, [['Content-Type', 'text/html; charset=utf-8']])
}
