import type { Answer } from '../core/answers.ts'
import type { Authorization } from '../core/codes.ts'
import { readScope, type Parameters } from '../core/parameters.ts'
import { verifierMatches } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { ROTATE_AT_ONCE, ROTATE_LAZILY, type Rotation } from '../core/rotation.ts'
import type { IssuedPair } from '../core/tokens.ts'
import type { DottedSignState } from './state.ts'
import { tokenAnswer, tokenError } from './answers.ts'
import { isKnownScope } from './authorization-endpoint.ts'
import { credentialsOf, isClient, parametersOf } from './parameters.ts'

/** `POST /v1/oauth/token`, with the checks in the order of Doorkeeper. */
export function token(state: DottedSignState, request: RawRequest): Answer {
  const parameters = parametersOf(state, request)
  const credentials = credentialsOf(request, parameters)
  const isFromClient = isClient(state, credentials)
  switch (parameters('grant_type')) {
    case undefined:
      return missing(state, 'grant_type')
    case 'authorization_code':
      return exchange(state, parameters, isFromClient)
    case 'refresh_token':
      return refresh(state, parameters, { isFromClient, isAnonymous: credentials.clientId === undefined })
    case 'client_credentials':
      return isFromClient ? appToken(state, parameters) : tokenError(state, 'invalid_client')
    default:
      return tokenError(state, 'unsupported_grant_type')
  }
}

function exchange(state: DottedSignState, parameters: Parameters, isFromClient: boolean): Answer {
  const { codes, tokens, switches } = state
  tokens.counters.codeRequests += 1
  const code = parameters('code')
  if (code === undefined) return missing(state, 'code')
  const authorization = codes.find(code)
  const codeChallenge = authorization?.codeChallenge
  const verifier = parameters('code_verifier')
  if (codeChallenge !== undefined && verifier === undefined) return missing(state, 'code_verifier')
  if (parameters('redirect_uri') === undefined) return missing(state, 'redirect_uri')
  if (switches.pkce === 'reject' && verifier !== undefined) {
    return tokenError(state, 'invalid_request', 'code_verifier is not known')
  }
  if (!isFromClient) return tokenError(state, 'invalid_client')

  if (authorization === undefined || parameters('redirect_uri') !== authorization.redirectUri) {
    return tokenError(state, 'invalid_grant')
  }
  if (codeChallenge !== undefined && !verifierMatches(verifier ?? '', codeChallenge)) {
    return tokenError(state, 'invalid_grant')
  }
  codes.spend(code)
  return answerWith(state, tokens.issue(authorization, { withRefreshToken: true }))
}

interface Asker {
  readonly isFromClient: boolean
  /** It names no client, right or wrong. */
  readonly isAnonymous: boolean
}

/** A dead refresh token is found before wrong credentials are. */
function refresh(state: DottedSignState, parameters: Parameters, { isFromClient, isAnonymous }: Asker): Answer {
  const { tokens, switches } = state
  tokens.counters.refreshRequests += 1
  const value = parameters('refresh_token')
  if (value === undefined) return missing(state, 'refresh_token')

  const presented = tokens.presentRefreshToken(value)
  if (presented.kind !== 'valid') return tokenError(state, 'invalid_grant')
  if (isAnonymous) return tokenError(state, 'invalid_grant')
  if (!isFromClient) return tokenError(state, 'invalid_client')
  const { scope } = presented.token.authorization
  if (readScope(parameters('scope')).some((asked) => !scope.includes(asked))) return tokenError(state, 'invalid_scope')
  return answerWith(state, tokens.refresh(presented.token, switches.lazyRotation ? ROTATE_LAZILY : WITHOUT_THE_COLUMN))
}

/** Without a column for the previous refresh token. */
const WITHOUT_THE_COLUMN: Rotation = { ...ROTATE_AT_ONCE, inheritsLifetime: true }

/** The token acts as the creator of the application, who is Alice. */
function appToken(state: DottedSignState, parameters: Parameters): Answer {
  const scope = readScope(parameters('scope'))
  if (!scope.every(isKnownScope)) return tokenError(state, 'invalid_scope')
  const authorization: Authorization = { clientId: state.client.clientId, redirectUri: '', scope, subject: 'alice' }
  return answerWith(state, state.tokens.issue(authorization, { withRefreshToken: false }))
}

/** Members without a value are left out. */
function answerWith({ switches }: DottedSignState, { access, refresh: next }: IssuedPair): Answer {
  const scope = access.authorization.scope.join(' ')
  return tokenAnswer({
    access_token: access.value,
    token_type: 'Bearer',
    expires_in: (access.expiresAt - access.issuedAt) / 1000,
    refresh_token: next?.value,
    scope: switches.scopeInResponse && scope !== '' ? scope : undefined,
    created_at: Math.floor(access.issuedAt / 1000),
  })
}

function missing(state: DottedSignState, name: string): Answer {
  return tokenError(state, 'invalid_request', `Missing required parameter: ${name}.`)
}
