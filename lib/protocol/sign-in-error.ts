import { AuthorizationResponseError, ClientError } from 'openid-client'
import { AuthError } from '../errors.ts'
import { readTokenFailure } from './token-failure.ts'

/** Nobody waits for longer, whatever the server says. */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/** What `openid-client` says when an answer came that must not be believed. */
const UNTRUSTED = new Set([
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED', 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED', 'OAUTH_INVALID_RESPONSE',
  'OAUTH_UNSUPPORTED_OPERATION', 'OAUTH_MISSING_SERVER_METADATA',
]) // prettier-ignore

/**
 * What a failed sign-in is in our words; foreign errors are sorted by class and code, never by message text.
 *
 * @param name of the provider.
 */
export function signInError(thrown: unknown, name: string): AuthError {
  if (thrown instanceof AuthorizationResponseError) return authorizationError(thrown, name)
  if (thrown instanceof ClientError && thrown.code !== undefined && UNTRUSTED.has(thrown.code)) {
    return new AuthError('ERR_AUTH_UNTRUSTED', `the answer of ${name} failed validation`, { cause: thrown })
  }
  const { kind, error, retryAfterMs, strayStatus, cause } = readTokenFailure(thrown)
  const word = error === undefined ? '' : ` (${error})`
  switch (kind) {
    case 'dead':
      return new AuthError('ERR_AUTH_TRANSACTION', `${name} does not accept the code${word}; sign in again, and check the registered redirect URI if that keeps happening`, { cause }) // prettier-ignore
    case 'misconfigured':
      if (strayStatus !== undefined) {
        return new AuthError('ERR_AUTH_MISCONFIGURED', `there is no token endpoint of ${name} (status ${strayStatus}); check tokenEndpoint, host and tenant`, { cause }) // prettier-ignore
      }
      return new AuthError('ERR_AUTH_MISCONFIGURED', `${name} refuses this client${word}; check ${TO_CHECK[error ?? ''] ?? `${CREDENTIALS}, and the registered redirect URI`}`, { cause }) // prettier-ignore
    case 'passing':
      return new AuthError('ERR_AUTH_UNAVAILABLE', `${name} gave no usable answer`, {
        cause,
        retryAfterSeconds: Math.ceil(Math.min(retryAfterMs ?? 5_000, MAX_RETRY_AFTER_MS) / 1_000),
      })
    default:
      return kind satisfies never
  }
}

const CREDENTIALS = 'clientId, clientSecret and clientAuthentication'

/** The options that are behind an error, as a rule. */
const TO_CHECK: Readonly<Record<string, string>> = {
  invalid_client: CREDENTIALS,
  unauthorized: CREDENTIALS,
  unauthorized_client: 'what is enabled for this client there',
  unsupported_grant_type: 'what is enabled for this client there',
  invalid_scope: 'scope',
  invalid_request: 'tokenRequest, pkce and the registered redirect URI',
}

/** RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6: safe to repeat. */
const REGISTERED = new Set([
  'invalid_request', 'unauthorized_client', 'unsupported_response_type', 'invalid_scope', 'invalid_request_uri', 'invalid_request_object',
  'request_not_supported', 'request_uri_not_supported', 'registration_not_supported',
]) // prettier-ignore

/** RFC 6749 §4.1.2.1 and OIDC Core §3.1.2.6. The description is the server's text, or an attacker's: it is not repeated. */
function authorizationError(thrown: AuthorizationResponseError, name: string): AuthError {
  switch (thrown.error) {
    case 'access_denied':
      return new AuthError('ERR_AUTH_DENIED', `access was not granted at ${name}`, { cause: thrown })
    case 'login_required':
    case 'interaction_required':
    case 'consent_required':
    case 'account_selection_required':
      return new AuthError('ERR_AUTH_REQUIRED', `${name} needs the end-user to sign in there`, { cause: thrown })
    case 'server_error':
    case 'temporarily_unavailable':
      return new AuthError('ERR_AUTH_UNAVAILABLE', `${name} cannot sign anybody in at the moment`, {
        cause: thrown,
        retryAfterSeconds: 5,
      })
    default:
      return new AuthError(
        'ERR_AUTH_MISCONFIGURED',
        `${name} refuses the authorization request${REGISTERED.has(thrown.error) ? ` (${thrown.error})` : ''}; check scope, pkce and what is registered there`,
        { cause: thrown },
      )
  }
}
