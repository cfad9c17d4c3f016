import type { Answer } from '../core/answers.ts'
import type { Authorization } from '../core/codes.ts'
import {
  FORM,
  mediaTypeOf,
  readJsonParameters,
  readParameters,
  readScope,
  type Parameters,
} from '../core/parameters.ts'
import { verifierMatches } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import { REUSE_REFRESH_TOKEN, type Rotation } from '../core/rotation.ts'
import type { IssuedPair } from '../core/tokens.ts'
import type { Privo, PrivoSwitches } from './state.ts'
import { challengeAnswer, errorAnswer, methodAnswer, tokenAnswer } from './answers.ts'
import { clientRefusal } from './client-authentication.ts'

/** `POST` on any of the three token paths. */
export function token(privo: Privo, request: RawRequest): Answer {
  if (request.method !== 'POST') return methodAnswer(request.method)
  const parameters = parametersOf(privo, request)
  const refusal = clientRefusal(privo, request, parameters)
  if (refusal !== undefined) return refusal

  const grantType = parameters('grant_type')
  switch (grantType) {
    case undefined:
      return errorAnswer(400, 'invalid_request', 'Missing grant type')
    case 'authorization_code':
      return exchange(privo, parameters)
    case 'refresh_token':
      return refresh(privo, parameters)
    case 'client_credentials':
      return appToken(privo, parameters)
    default:
      return errorAnswer(400, 'unsupported_grant_type', `Unsupported grant type: ${grantType}`)
  }
}

/** As a servlet's: those of the query, and those of the body if its label is that of a form. */
function parametersOf({ state }: Privo, request: RawRequest): Parameters {
  const { jsonLabel } = state.switches
  const mediaType = mediaTypeOf(request)
  const isJson = mediaType === 'application/json'
  if (isJson && jsonLabel === 'json') {
    const [query, body] = [readParameters(request.query), readJsonParameters(request.body)]
    return (name) => query(name) ?? body?.(name)
  }
  const isRead = mediaType === FORM || (isJson && jsonLabel === 'form-shaped')
  return readParameters(request.query, isRead ? request.body : undefined)
}

function exchange(privo: Privo, parameters: Parameters): Answer {
  const { codes, tokens, switches } = privo.state
  tokens.counters.codeRequests += 1
  const code = parameters('code')
  if (code === undefined) return errorAnswer(400, 'invalid_request', 'An authorization code must be supplied.')
  const authorization = codes.find(code)
  if (authorization === undefined) return errorAnswer(400, 'invalid_grant', 'Invalid authorization code')

  // Whatever comes of it: the code is taken out of the store before anything is compared.
  codes.spend(code)
  if (parameters('redirect_uri') !== authorization.redirectUri) {
    return errorAnswer(400, 'invalid_grant', 'Redirect URI mismatch.')
  }
  const refusal = verifierRefusal(authorization, parameters('code_verifier'))
  if (refusal !== undefined) return refusal

  const pair = tokens.issue(authorization, { withRefreshToken: getsRefreshToken(switches, authorization) })
  return tokenAnswer({
    access_token: pair.access.value,
    token_type: 'Bearer',
    refresh_token: pair.refresh?.value,
    expires_in: expiresIn(pair),
    scope: switches.scopeInResponse === 'always' ? authorization.scope.join(' ') : undefined,
    id_token: authorization.scope.includes('openid') ? privo.state.nextToken('id_token', authorization) : undefined,
  })
}

/** MITREid Connect digests the verifier before it asks whether there is one. */
function verifierRefusal({ codeChallenge }: Authorization, verifier: string | undefined): Answer | undefined {
  if (codeChallenge === undefined) return undefined
  if (verifier === undefined) {
    return { status: 500, headers: [['Content-Type', 'text/html;charset=utf-8']], body: '<h1>HTTP Status 500</h1>' }
  }
  if (verifierMatches(verifier, codeChallenge)) return undefined
  return errorAnswer(400, 'invalid_request', 'Code challenge and verifier do not match')
}

function refresh(privo: Privo, parameters: Parameters): Answer {
  const { tokens, switches } = privo.state
  tokens.counters.refreshRequests += 1
  const value = parameters('refresh_token') ?? 'null'
  const presented = tokens.presentRefreshToken(value)
  if (presented.kind !== 'valid') return challengeAnswer('Bearer ', 'invalid_token', `Invalid refresh token: ${value}`)

  const { authorization } = presented.token
  if (readScope(parameters('scope')).some((name) => !authorization.scope.includes(name))) {
    return errorAnswer(400, 'invalid_scope', 'Up-scoping is not allowed.')
  }
  const pair = tokens.refresh(presented.token, rotationOf(switches))
  const withIdToken = switches.idTokenOnRefresh && authorization.scope.includes('openid')
  return tokenAnswer({
    access_token: pair.access.value,
    token_type: 'Bearer',
    expires_in: expiresIn(pair),
    refresh_token: pair.refresh?.value,
    scope: switches.scopeInResponse === 'never' ? undefined : authorization.scope.join(' '),
    id_token: withIdToken ? privo.state.nextToken('id_token', authorization) : undefined,
  })
}

function rotationOf({ reuseRefreshToken, clearAccessTokensOnRefresh }: PrivoSwitches): Rotation {
  return {
    ...REUSE_REFRESH_TOKEN,
    ...(reuseRefreshToken ? {} : { refreshToken: 'new', oldRefreshToken: 'at-once' }),
    oldAccessTokens: clearAccessTokensOnRefresh ? 'at-once' : 'lives-on',
  }
}

/** A token of the partner itself; with `offline_access` even that one can be refreshed. */
function appToken({ state }: Privo, parameters: Parameters): Answer {
  const scope = readScope(parameters('scope'))
  const authorization = { clientId: state.client.clientId, redirectUri: '', scope, subject: undefined }
  const pair = state.tokens.issue(authorization, { withRefreshToken: scope.includes('offline_access') })
  return tokenAnswer({
    access_token: pair.access.value,
    token_type: 'Bearer',
    refresh_token: pair.refresh?.value,
    expires_in: expiresIn(pair),
    scope: scope.length === 0 ? undefined : scope.join(' '),
  })
}

function getsRefreshToken(switches: PrivoSwitches, { scope }: Authorization): boolean {
  return !switches.offlineAccessNeeded || scope.includes('offline_access')
}

function expiresIn({ access }: IssuedPair): number {
  return (access.expiresAt - access.issuedAt) / 1000
}
