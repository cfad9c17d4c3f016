import { jsonAnswer, type Answer } from '../core/answers.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { JSON_TYPE } from './answers.ts'
import { credentialsOf, isClient, parametersOf } from './parameters.ts'
import type { DottedSignState } from './state.ts'

/** `POST /v1/oauth/revoke` (RFC 7009), which the server family has and DottedSign does not document. */
export function revoke(state: DottedSignState, request: RawRequest): Answer {
  const { tokens, switches, now } = state
  const parameters = parametersOf(state, request)
  const pair = tokens.findPair(parameters('token') ?? '')
  if (pair === undefined) return DONE
  if (!isClient(state, credentialsOf(request, parameters))) return NOT_ITS_CLIENT

  // Doorkeeper keeps a pair in one row: it ends whole, whichever of the two was sent.
  const { access, refresh } = pair
  if (access.expiresAt > now() || switches.revokesExpired) {
    tokens.revoke(refresh === undefined ? [access] : [access, refresh])
  }
  return DONE
}

const DONE = jsonAnswer(200, [JSON_TYPE, ['Cache-Control', 'max-age=0, private, must-revalidate']], {})

/** The only error of Doorkeeper without a challenge. */
const NOT_ITS_CLIENT = jsonAnswer(403, [JSON_TYPE, ['Cache-Control', 'no-cache']], {
  error: 'unauthorized_client',
  error_description: 'You are not authorized to revoke this token',
})
