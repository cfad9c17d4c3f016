import { randomBytes } from 'node:crypto'

import { emptyAnswer, redirectAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import { readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { isS256Challenge } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { HcssState } from './state.ts'
import { issuerOf } from './jwts.ts'
import { USER_SCOPES } from './scopes.ts'

/** What is wrong with a request is shown on a page of HCSS's own; nothing of it comes back to the callback. */
export function authorize(state: HcssState, request: RawRequest): Answer {
  if (request.method !== 'GET' && request.method !== 'POST') return emptyAnswer(405)
  const parameters = readParameters(request.method === 'GET' ? request.query : request.body)
  const fault = faultOf(state, parameters)
  if (fault !== undefined) return errorPage(state.provider, fault)

  const { client } = state
  const redirectUri = parameters('redirect_uri') ?? ''
  const scope = readScope(parameters('scope'))
  const echo = parameters('state')
  return state.interactions.begin(request, {
    clientName: client.name,
    scope,
    finish: (decision) => {
      const iss = issOf(state)
      if (decision.kind === 'denied') {
        return redirectAnswer(redirectUri, { error: 'access_denied', state: echo, iss }, '#_=_')
      }
      const code = state.issueCode({
        clientId: client.clientId,
        redirectUri,
        scope,
        subject: decision.subject,
        codeChallenge: parameters('code_challenge'),
        nonce: parameters('nonce'),
      })
      const sessionState = scope.includes('openid') ? randomBytes(24).toString('base64url') : undefined
      return redirectAnswer(redirectUri, {
        code,
        scope: scope.join(' '),
        state: echo,
        session_state: sessionState,
        iss,
      })
    },
  })
}

function issOf(state: HcssState): string | undefined {
  const { emitIss } = state.switches
  if (emitIss === 'off') return undefined
  return emitIss === 'right' ? issuerOf(state) : 'https://attacker.example/identity'
}

interface AuthorizationFault {
  readonly error: string
  readonly description: string
}

function faultOf({ client, switches }: HcssState, parameters: Parameters): AuthorizationFault | undefined {
  if (parameters('client_id') !== client.clientId) {
    return { error: 'unauthorized_client', description: 'Unknown client or client not enabled' }
  }
  if (!client.redirectUris.includes(parameters('redirect_uri') ?? '')) {
    return { error: 'unauthorized_client', description: 'Invalid redirect_uri' }
  }
  if (parameters('response_type') !== 'code') {
    return { error: 'unsupported_response_type', description: 'Response type not supported' }
  }

  const challenge = parameters('code_challenge')
  if (challenge === undefined && switches.pkceRequired) {
    return { error: 'invalid_request', description: 'code challenge required' }
  }
  // Without a method it is `plain`.
  if (challenge !== undefined && parameters('code_challenge_method') !== 'S256') {
    return { error: 'invalid_request', description: 'Transform algorithm not supported' }
  }
  if (challenge !== undefined && !isS256Challenge(challenge)) {
    return { error: 'invalid_request', description: 'Invalid code challenge' }
  }

  const scope = readScope(parameters('scope'))
  if (scope.length === 0) return { error: 'invalid_request', description: 'Missing scope' }
  const allowed = switches.offlineAccess === 'refused' ? USER_SCOPES : [...USER_SCOPES, 'offline_access']
  if (scope.some((value) => !allowed.includes(value))) return { error: 'invalid_scope', description: 'Invalid scope' }
  return undefined
}
