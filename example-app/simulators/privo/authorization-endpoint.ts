import { createHash } from 'node:crypto'

import { emptyAnswer, redirectAnswer, type Answer } from '../core/answers.ts'
import { errorPage } from '../core/pages.ts'
import { FORM, mediaTypeOf, readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { isS256Challenge } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { Privo } from './state.ts'

/** What the client may ask for; all of it is given to a request without `scope`. */
const SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'user_profile', 'additional_info', 'offline_access']

/** `/oauth/authorize`. */
export function authorize(privo: Privo, request: RawRequest): Answer {
  const { state } = privo
  const parameters = parametersOf(privo, request)
  if (parameters === undefined) return emptyAnswer(405)

  if (parameters('client_id') !== state.client.clientId) {
    return errorPage(state.provider, { error: 'invalid_client', description: 'The client is not known here.' })
  }
  const redirectUri = parameters('redirect_uri') ?? ''
  if (!registeredRedirectUris(privo).includes(redirectUri)) {
    const description = 'Invalid redirect: it does not match one of the registered values.'
    return errorPage(state.provider, { error: 'invalid_grant', description })
  }

  const echo = { state: parameters('state') }
  const problem = problemOf(parameters)
  if (problem !== undefined) return redirectAnswer(redirectUri, { ...problem, ...echo })

  const asked = readScope(parameters('scope'))
  const scope = asked.length === 0 ? SCOPES : asked
  return state.interactions.begin(request, {
    clientName: state.client.name,
    scope,
    finish: (decision) => {
      if (decision.kind === 'denied') {
        const denied = { error: 'access_denied', error_description: 'User denied access' }
        return redirectAnswer(redirectUri, { ...denied, ...echo })
      }
      const code = state.issueCode({
        clientId: state.client.clientId,
        redirectUri,
        scope,
        subject: decision.subject,
        codeChallenge: s256ChallengeOf(parameters),
        nonce: parameters('nonce'),
      })
      return redirectAnswer(redirectUri, { code, ...echo })
    },
  })
}

/** @returns undefined when the method is switched off. */
function parametersOf({ state }: Privo, request: RawRequest): Parameters | undefined {
  const { authorizeMethods } = state.switches
  if (request.method === 'GET') return authorizeMethods.includes('get') ? readParameters(request.query) : undefined

  const isForm = mediaTypeOf(request) === FORM
  const [query, form] = [authorizeMethods.includes('post-query'), authorizeMethods.includes('post-form')]
  if (request.method !== 'POST' || !(query || form)) return undefined
  return readParameters(query ? request.query : undefined, form && isForm ? request.body : undefined)
}

function registeredRedirectUris({ state }: Privo): readonly string[] {
  const { redirectUris } = state.client
  return state.switches.redirectTrailingQuestionMark ? redirectUris : redirectUris.map((uri) => uri.replace(/\?$/, ''))
}

interface Problem {
  readonly error: string
  readonly error_description: string
}

function problemOf(parameters: Parameters): Problem | undefined {
  const responseType = parameters('response_type')
  if (responseType !== 'code') {
    const description = `Unsupported response types: [${responseType ?? ''}]`
    return { error: 'unsupported_response_type', error_description: description }
  }
  const unknown = readScope(parameters('scope')).find((name) => !SCOPES.includes(name))
  if (unknown !== undefined) return { error: 'invalid_scope', error_description: `Invalid scope: ${unknown}` }

  const challenge = parameters('code_challenge')
  const method = parameters('code_challenge_method') ?? 'plain'
  const isKnown = method === 'plain' || (method === 'S256' && isS256Challenge(challenge ?? ''))
  if (challenge === undefined || isKnown) return undefined
  return { error: 'invalid_request', error_description: 'Code challenge or its method is not supported' }
}

/** A `plain` challenge is kept as its S256 form: the same verifiers match it. */
function s256ChallengeOf(parameters: Parameters): string | undefined {
  const challenge = parameters('code_challenge')
  if (challenge === undefined || parameters('code_challenge_method') === 'S256') return challenge
  return createHash('sha256').update(challenge).digest('base64url')
}
