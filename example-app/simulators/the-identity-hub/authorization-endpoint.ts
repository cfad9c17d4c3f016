import { html } from '../../html.ts'
import { redirectAnswer, type Answer } from '../core/answers.ts'
import type { Authorization } from '../core/codes.ts'
import { errorPage } from '../core/pages.ts'
import { readParameters, readScope, type Parameters } from '../core/parameters.ts'
import { isS256Challenge } from '../core/pkce.ts'
import type { RawRequest } from '../core/raw-http.ts'
import type { TenantHub } from './hub.ts'

/** `GET /{tenant}/oauth2/v1/auth`. */
export function authorize(hub: TenantHub, request: RawRequest): Answer {
  const { state } = hub
  const parameters = readParameters(request.query)
  if (parameters('client_id') !== state.client.clientId) {
    const description = 'The client is not known here.'
    return errorPage(state.provider, { error: 'unauthorized_client', description })
  }
  const redirectUri = parameters('redirect_uri') ?? ''
  if (!state.client.redirectUris.includes(redirectUri)) {
    const description = 'The redirect URI is not one of those configured for this app.'
    return errorPage(state.provider, { error: 'invalid_request', description })
  }

  const answer = parameters('response_mode') === 'form_post' ? formPostAnswer : redirectAnswer
  const echo = { state: parameters('state') }
  const error = errorOf(parameters)
  if (error !== undefined) return answer(redirectUri, { error, ...echo })

  const scope = readScope(parameters('scope'))
  return state.interactions.begin(request, {
    clientName: state.client.name,
    scope,
    finish: (decision) => {
      if (decision.kind === 'denied') return answer(redirectUri, { error: 'access_denied', ...echo })

      const authorization: Authorization = {
        clientId: state.client.clientId,
        redirectUri,
        scope: scope.filter((name) => !state.switches.reduceScope.includes(name)),
        subject: decision.subject,
        codeChallenge: parameters('code_challenge'),
        nonce: parameters('nonce'),
      }
      hub.tenantOf.set(authorization, hub.tenant)
      return answer(redirectUri, { code: state.issueCode(authorization), ...echo })
    },
  })
}

/** Names from RFC 6749 §4.1.2.1, without descriptions. */
function errorOf(parameters: Parameters): string | undefined {
  const responseType = parameters('response_type')
  if (responseType === undefined) return 'invalid_request'
  // The implicit flow is for apps that were configured for it; this one was not.
  if (responseType === 'token') return 'unauthorized_client'
  if (responseType !== 'code') return 'unsupported_response_type'

  const challenge = parameters('code_challenge')
  const isS256 = parameters('code_challenge_method') === 'S256'
  return challenge === undefined || (isS256 && isS256Challenge(challenge)) ? undefined : 'invalid_request'
}

/** OAuth 2.0 Form Post Response Mode §2. */
function formPostAnswer(redirectUri: string, parameters: Readonly<Record<string, string | undefined>>): Answer {
  const fields = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const body = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>One moment</title>
      </head>
      <body onload="document.forms[0].submit()">
        <form method="post" action="${redirectUri}">
          ${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
          <noscript><button>Continue</button></noscript>
        </form>
      </body>
    </html> `.toString()
  return {
    status: 200,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ],
    body,
  }
}
