import { jsonAnswer, type Answer, type Header } from '../core/answers.ts'
import type { IssuedPair } from '../core/tokens.ts'
import type { HealthKeyState } from './state.ts'

const HEADERS: readonly Header[] = [
  ['Content-Type', 'application/json'],
  ['Cache-Control', 'no-store'],
  ['Pragma', 'no-cache'],
]

export function tokenAnswer({ switches, lifetimes }: HealthKeyState, { access, refresh }: IssuedPair): Answer {
  const expiresIn = lifetimes.accessTokenSeconds
  const members =
    switches.responseShape === 'documented'
      ? {
          access_token: access.value,
          token_type: 'bearer',
          expires_in: expiresIn,
          refresh_token: refresh?.value,
          created_at: Math.floor(access.issuedAt / 1000),
        }
      : {
          access_token: access.value,
          expires_in: expiresIn,
          token_type: 'Bearer',
          scope: access.authorization.scope.join(' '),
          refresh_token: refresh?.value,
        }
  return jsonAnswer(200, HEADERS, members)
}

/** `json` is what oauthlib says; older releases of the toolkit do not catch it, newer ones forget its headers. */
export function queryRefused({ switches }: HealthKeyState): Answer {
  if (switches.queryRefusal === 'server-error') {
    return { status: 500, headers: [['Content-Type', 'text/html']], body: SERVER_ERROR }
  }
  const refusal = tokenError('invalid_request', 'URL query parameters are not allowed')
  return switches.queryRefusal === 'json'
    ? refusal
    : { ...refusal, headers: [['Content-Type', 'text/html; charset=utf-8']] }
}

/** Django's page, as it is without a template for it. */
const SERVER_ERROR = `
<!doctype html>
<html lang="en">
<head>
  <title>Server Error (500)</title>
</head>
<body>
  <h1>Server Error (500)</h1><p></p>
</body>
</html>
`

export type TokenError =
  'invalid_request' | 'invalid_grant' | 'invalid_client' | 'unsupported_grant_type' | 'invalid_scope'

export function tokenError(error: TokenError, description?: string): Answer {
  const body = { error, error_description: description }
  if (error !== 'invalid_client') return jsonAnswer(400, HEADERS, body)
  return jsonAnswer(401, [...HEADERS, ['WWW-Authenticate', 'Bearer error="invalid_client"']], body)
}
