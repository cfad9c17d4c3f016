import { AuthError, isError } from '../../errors.ts'

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])

const OF_CLOSING = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED'])

/** Errors that come before a connection stands, and are none of connecting: a request that cannot be sent, a proxy that was closed. */
const NOT_OF_CONNECTING = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', ...OF_CLOSING])

/** What goes wrong between us and a target, for who waits for its answer. The cause is for the log. */
export function upstreamError(cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause
  if (TIMEOUTS.has(codeOf(cause))) return tooLate({ cause })
  if (OF_CLOSING.has(codeOf(cause))) return closed()
  return new AuthError('ERR_AUTH_UPSTREAM', 'the exchange with the target of the proxy has failed', { cause })
}

export function tooLate(options?: { cause: unknown }): AuthError {
  return new AuthError('ERR_AUTH_UPSTREAM_TIMEOUT', 'the answer of the proxy has not come in time', options)
}

export function closed(): AuthError {
  return new AuthError('ERR_AUTH_UPSTREAM', 'the proxy is closed')
}

export function isOfConnecting(error: Error): boolean {
  return !(error instanceof AuthError) && !NOT_OF_CONNECTING.has(codeOf(error))
}

function codeOf(error: unknown): string {
  return isError(error) && 'code' in error ? String(error.code) : ''
}
