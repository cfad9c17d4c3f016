import type { Answer } from '../core/answers.ts'
import { FORM, mediaTypeOf, readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { verifierMatches } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { ROTATE_AT_ONCE } from '../core/rotation.ts'
import type { HealthKeyState } from './state.ts'
import { isFromClient } from './client-authentication.ts'
import { queryRefused, tokenAnswer, tokenError } from './token-answers.ts'

/** `POST /o/token/`, with the checks in the order of oauthlib. */
export function answerTokenRequest(state: HealthKeyState, request: RawRequest): Answer {
  const { placement } = state.switches
  if (placement === 'body' && request.query) return queryRefused(state)

  const form = mediaTypeOf(request) === FORM ? request.body : undefined
  const parameters = readParameters(
    placement === 'body' ? undefined : request.query,
    placement === 'query' ? undefined : form,
  )
  switch (parameters('grant_type') ?? '') {
    case 'authorization_code':
      return exchange(state, request, parameters)
    case 'refresh_token':
      return refresh(state, request, parameters)
    default:
      return tokenError('unsupported_grant_type')
  }
}

function exchange(state: HealthKeyState, request: RawRequest, parameters: Parameters): Answer {
  state.tokens.counters.codeRequests += 1
  const code = parameters('code')
  if (code === undefined) return tokenError('invalid_request', 'Missing code parameter.')
  if (!isFromClient(state, request, parameters, { secretNeeded: true })) return tokenError('invalid_client')

  const authorization = state.codes.find(code)
  if (authorization === undefined) return tokenError('invalid_grant')

  const verifier = parameters('code_verifier')
  const { codeChallenge } = authorization
  if (codeChallenge !== undefined || state.switches.pkceRequired) {
    if (verifier === undefined) return tokenError('invalid_request', 'Code verifier required.')
    if (codeChallenge === undefined || !verifierMatches(verifier, codeChallenge)) return tokenError('invalid_grant')
  }
  // Who leaves it out means the first that is registered.
  const redirectUri = parameters('redirect_uri') ?? state.client.redirectUris[0]
  if (redirectUri !== authorization.redirectUri) return tokenError('invalid_request', 'Mismatching redirect URI.')

  // The toolkit deletes a code when it has given tokens for it: a mistake before that does not spend it.
  state.codes.spend(code)
  return tokenAnswer(state, state.tokens.issue(authorization, { withRefreshToken: true }))
}

function refresh(state: HealthKeyState, request: RawRequest, parameters: Parameters): Answer {
  const { tokens, switches } = state
  tokens.counters.refreshRequests += 1
  const value = parameters('refresh_token')
  if (value === undefined) return tokenError('invalid_request', 'Missing refresh token parameter.')
  if (!isFromClient(state, request, parameters, { secretNeeded: switches.refreshNeedsSecret })) {
    return tokenError('invalid_client')
  }

  const presented = tokens.presentRefreshToken(value)
  if (presented.kind !== 'valid') return tokenError('invalid_grant')

  const { redirectUri, codeChallenge, scope } = presented.token.authorization
  if (switches.refreshNeedsRedirectUri) {
    const repeated = parameters('redirect_uri')
    if (repeated === undefined) return tokenError('invalid_request', 'Missing redirect_uri parameter.')
    if (repeated !== redirectUri) return tokenError('invalid_grant')
  }
  if (switches.refreshNeedsVerifier && codeChallenge !== undefined) {
    const verifier = parameters('code_verifier')
    if (verifier === undefined) return tokenError('invalid_request', 'Code verifier required.')
    if (!verifierMatches(verifier, codeChallenge)) return tokenError('invalid_grant')
  }
  if (readScope(parameters('scope')).some((asked) => !scope.includes(asked))) return tokenError('invalid_scope')

  return tokenAnswer(state, tokens.refresh(presented.token, ROTATE_AT_ONCE))
}
