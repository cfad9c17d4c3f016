import { redirectAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import { readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { isS256Challenge } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { DottedSignState } from './state.ts'

/** `GET /v1/oauth/authorize`. Doorkeeper shows its mistakes to the user, with status 200; only a refusal is sent back. */
export function authorize(state: DottedSignState, request: RawRequest): Answer {
  const { client, switches } = state
  const parameters = readParameters(request.query)
  if (parameters('client_id') !== client.clientId) {
    const description = 'Client authentication failed due to unknown client.'
    return errorPage(state.provider, { status: 200, error: 'invalid_client', description })
  }
  const redirectUri = parameters('redirect_uri') ?? ''
  if (!client.redirectUris.includes(redirectUri)) {
    const description = "The requested redirect uri is malformed or doesn't match client redirect URI."
    return errorPage(state.provider, { status: 200, error: 'invalid_redirect_uri', description })
  }

  const echo = { state: switches.echoState ? parameters('state') : undefined }
  const problem = problemOf(state, parameters)
  if (problem !== undefined) {
    const { error, error_description: description } = problem
    if (switches.authorizationErrors === 'redirect') return redirectAnswer(redirectUri, { ...problem, ...echo })
    return errorPage(state.provider, { status: 200, error, description })
  }

  const scope = readScope(parameters('scope'))
  return state.interactions.begin(request, {
    clientName: client.name,
    scope,
    finish: (decision) => {
      if (decision.kind === 'denied') {
        return redirectAnswer(redirectUri, { error: 'access_denied', error_description: 'denied', ...echo })
      }
      const code = state.issueCode({
        clientId: client.clientId,
        redirectUri,
        scope,
        subject: decision.subject,
        // Without a column for the challenge Doorkeeper does not even look at it.
        codeChallenge: switches.pkce === 'enforce' ? parameters('code_challenge') : undefined,
      })
      return redirectAnswer(redirectUri, { code, ...echo })
    },
  })
}

/** Names have three parts, such as `files.general.read`; `embedded_signing` is not available in this flow. */
export function isKnownScope(name: string): boolean {
  return /^[a-z_]+\.[a-z_]+\.(?:read|write)$/.test(name)
}

interface Problem {
  readonly error: string
  readonly error_description: string
}

function problemOf({ switches }: DottedSignState, parameters: Parameters): Problem | undefined {
  const responseType = parameters('response_type')
  if (responseType === undefined)
    return { error: 'invalid_request', error_description: 'Missing required parameter: response_type.' }
  if (responseType !== 'code') {
    const text = 'The authorization server does not support this response type.'
    return { error: 'unsupported_response_type', error_description: text }
  }
  if (!readScope(parameters('scope')).every(isKnownScope)) {
    return { error: 'invalid_scope', error_description: 'The requested scope is invalid, unknown, or malformed.' }
  }

  const challenge = parameters('code_challenge')
  const isS256 = parameters('code_challenge_method') === 'S256' && isS256Challenge(challenge ?? '')
  if (switches.pkce === 'enforce' && !isS256) {
    return { error: 'invalid_request', error_description: 'code_challenge is missing or not S256' }
  }
  if (switches.pkce === 'reject' && challenge !== undefined) {
    return { error: 'invalid_request', error_description: 'code_challenge is not known' }
  }
  return undefined
}
