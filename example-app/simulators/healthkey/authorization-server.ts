import { emptyAnswer, redirectAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import { readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { isS256Challenge } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { HealthKeyState } from './state.ts'
import { revoke } from './revocation-endpoint.ts'
import { answerTokenRequest } from './token-endpoint.ts'

const SCOPES = ['profile', 'address', 'payment']
const PATHS = new Set(['/o/authorize', '/o/token', '/o/revoke_token'])

/** Answers like Django OAuth Toolkit, mounted at `/o/` and with a slash at the end of each path. */
export function healthKeyAuthorizationServer(state: HealthKeyState): (request: RawRequest) => Answer {
  return (request) => {
    // Django's APPEND_SLASH, which loses the body of a POST: a client follows with a GET.
    if (PATHS.has(request.path)) return emptyAnswer(301, [['Location', withSlash(request)], HTML])

    switch (request.path) {
      case '/o/authorize/':
        return request.method === 'GET' ? authorize(state, request) : METHOD_NOT_ALLOWED
      case '/o/token/':
        return request.method === 'POST' ? answerTokenRequest(state, request) : POST_ALONE
      case '/o/revoke_token/':
        return request.method === 'POST' ? revoke(state, request) : POST_ALONE
      default:
        return { status: 404, headers: [HTML], body: '<h1>Not Found</h1>' }
    }
  }
}

const HTML = ['Content-Type', 'text/html; charset=utf-8'] as const
const METHOD_NOT_ALLOWED = emptyAnswer(405, [HTML])
const POST_ALONE = emptyAnswer(405, [HTML, ['Allow', 'POST, OPTIONS']])

function withSlash({ path, query }: RawRequest): string {
  return query === undefined ? `${path}/` : `${path}/?${query}`
}

function authorize(state: HealthKeyState, request: RawRequest): Answer {
  const { client, switches } = state
  const parameters = readParameters(request.query)
  const redirectUri = parameters('redirect_uri') ?? ''

  // Whoever is not known by these two is not sent anywhere (RFC 6749 §4.1.2.1).
  if (parameters('client_id') !== client.clientId) {
    return errorPage(state.provider, { error: 'invalid_request', description: 'Invalid client_id parameter value.' })
  }
  if (!client.redirectUris.includes(redirectUri)) {
    return errorPage(state.provider, { error: 'invalid_request', description: 'Mismatching redirect URI.' })
  }

  const echo = parameters('state')
  const fault = faultOf(parameters, switches.pkceRequired)
  if (fault !== undefined) {
    return redirectAnswer(redirectUri, { error: fault.error, error_description: fault.description, state: echo })
  }

  const asked = readScope(parameters('scope'))
  const scope = asked.length === 0 ? SCOPES : asked
  return state.interactions.begin(request, {
    clientName: client.name,
    scope,
    finish: (decision) => {
      if (decision.kind === 'denied') return redirectAnswer(redirectUri, { error: 'access_denied', state: echo })
      const code = state.issueCode({
        clientId: client.clientId,
        redirectUri,
        scope,
        subject: decision.subject,
        codeChallenge: parameters('code_challenge'),
      })
      return redirectAnswer(redirectUri, { code, state: echo })
    },
  })
}

interface AuthorizationFault {
  readonly error: string
  readonly description?: string
}

/** In the order of oauthlib. */
function faultOf(parameters: Parameters, pkceRequired: boolean): AuthorizationFault | undefined {
  const responseType = parameters('response_type')
  if (responseType === undefined) {
    return { error: 'invalid_request', description: 'Missing response_type parameter.' }
  }
  if (responseType !== 'code') return { error: 'unsupported_response_type' }

  const challenge = parameters('code_challenge')
  if (challenge === undefined && pkceRequired) {
    return { error: 'invalid_request', description: 'Code challenge required.' }
  }
  // Without a method it would be `plain`, which HealthKey's pages do not know.
  if (challenge !== undefined && (parameters('code_challenge_method') !== 'S256' || !isS256Challenge(challenge))) {
    return { error: 'invalid_request', description: 'Transform algorithm not supported.' }
  }
  if (readScope(parameters('scope')).some((scope) => !SCOPES.includes(scope))) return { error: 'invalid_scope' }
  return undefined
}
