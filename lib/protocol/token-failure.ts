import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { Cause, isError, withoutSecrets } from '../errors.ts'

/**
 * Why a token request brought no tokens.
 * `dead`: what was presented is not good any more. `misconfigured`: the server refuses this client or its way of asking.
 * `passing`: nothing can be concluded, the same request may succeed later.
 */
export interface TokenFailure {
  readonly kind: 'dead' | 'misconfigured' | 'passing'
  /** `true`: whatever was presented is certainly unspent, the request did not arrive or was refused for another reason. */
  readonly unspent: boolean
  /** `true`: the server has answered. Otherwise the request may still be on its way, to be decided any time. */
  readonly answered: boolean
  /** The server's own `error` (RFC 6749 §5.2), if it is one of the registered words; safe to show. */
  readonly error: string | undefined
  /** Milliseconds, from `Retry-After`. */
  readonly retryAfterMs: number | undefined
  /** The status that says that there is no token endpoint at this address. */
  readonly strayStatus?: number | undefined
  readonly cause: Error
}

const DEAD = new Set(['invalid_grant', 'invalid_token'])

const MISCONFIGURED = new Set([
  'invalid_client', 'unauthorized_client', 'unauthorized', 'unsupported_grant_type', 'invalid_scope', 'invalid_request',
  'invalid_target', 'access_denied',
]) // prettier-ignore

const PASSING = new Set(['temporarily_unavailable', 'server_error', 'slow_down'])

/** Not found, no POST, gone, or somewhere else: the address is wrong, and nobody there has read a token request. */
function isStray(status: number): boolean {
  return (status >= 300 && status < 400) || status === 404 || status === 405 || status === 410
}

/** What proves that not a byte of the request was read: no address, nobody listening, no TLS session. */
const NEVER_ARRIVED =
  /^(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|UND_ERR_CONNECT_TIMEOUT|CERT_.*|ERR_TLS_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*)$/

/** Sorts a failed token request (RFC 6749 §5.2) by class and code, never by message text. */
export function readTokenFailure(thrown: unknown): TokenFailure {
  const { error, response } = serverAnswer(thrown)
  const status = response?.status
  const cause = withoutSecrets(thrown)
  const retryAfterMs = retryAfter(response)
  const failure = (kind: TokenFailure['kind'], unspent: boolean): TokenFailure => ({
    kind,
    unspent,
    answered: status !== undefined || isUnreadable(thrown),
    error:
      error !== undefined && (DEAD.has(error) || MISCONFIGURED.has(error) || PASSING.has(error)) ? error : undefined,
    retryAfterMs,
    cause,
  })

  if (status === 429) return failure('passing', true)
  if (error !== undefined && DEAD.has(error)) return failure('dead', false)
  if (status !== undefined && status >= 500) return failure('passing', false)
  if (error !== undefined && PASSING.has(error)) return failure('passing', false)
  // Some servers (oidc-provider) look at the resource when the refresh token is spent already.
  if (error !== undefined && MISCONFIGURED.has(error)) return failure('misconfigured', error !== 'invalid_target')
  // A 401 is about the client (RFC 6749 §5.2), whatever the words.
  if (status === 401) return failure('misconfigured', true)
  if (status !== undefined && isStray(status)) {
    const found = `the token endpoint answers ${status}; check tokenEndpoint, host and tenant`
    const stray = new Cause('TokenEndpointError', found, undefined, { cause })
    return { ...failure('misconfigured', true), strayStatus: status, cause: stray }
  }
  // It has issued something that is no Bearer token.
  if (thrown instanceof ClientError && thrown.code === 'OAUTH_UNSUPPORTED_OPERATION') {
    return { ...failure('misconfigured', false), answered: true }
  }
  return failure('passing', status === undefined && neverArrived(thrown))
}

/** Both classes in which `openid-client` reports an OAuth error: with a challenge header the body is not read. */
function serverAnswer(thrown: unknown): { error?: string | undefined; response?: Response | undefined } {
  if (thrown instanceof ResponseBodyError) return { error: thrown.error, response: thrown.response }
  if (thrown instanceof WWWAuthenticateChallengeError) {
    const error = thrown.cause.map((challenge) => challenge.parameters['error']).find((word) => word !== undefined)
    return { error, response: thrown.response }
  }
  if (thrown instanceof ClientError && thrown.cause instanceof Response) return { response: thrown.cause }
  return {}
}

/** An answer that came whole, and makes no sense: what became of the request is decided. Nothing else is read beside it. */
function isUnreadable(thrown: unknown): boolean {
  return (
    thrown instanceof ClientError && (thrown.code === 'OAUTH_PARSE_ERROR' || thrown.code === 'OAUTH_INVALID_RESPONSE')
  )
}

/** Seconds or a date (RFC 9110 §10.2.3); a date counts from the server's own, whose clock need not be ours. */
function retryAfter(response: Response | undefined): number | undefined {
  const value = response?.headers.get('retry-after') ?? ''
  const ms = /^\d+(?:\.\d+)?$/.test(value)
    ? Number(value) * 1_000
    : Date.parse(value) - Date.parse(response?.headers.get('date') ?? '')
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

function neverArrived(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; isError(error) && depth < 6; error = error.cause, depth += 1) {
    if ('code' in error && typeof error.code === 'string' && NEVER_ARRIVED.test(error.code)) return true
    if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0 && error.errors.every(neverArrived))
      return true
  }
  return false
}
