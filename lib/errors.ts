import { types } from 'node:util'

/**
 * Stable identifiers, one for each thing an application would do differently. A new failure gets a new code, never a new
 * meaning for an old one. The README lists them with status and remedy.
 */
export type AuthErrorCode =
  | 'ERR_AUTH_OPTIONS'
  | 'ERR_AUTH_SETUP'
  | 'ERR_AUTH_REQUEST'
  | 'ERR_AUTH_REQUEST_TIMEOUT'
  | 'ERR_AUTH_TOO_LARGE'
  | 'ERR_AUTH_TRANSACTION'
  | 'ERR_AUTH_DENIED'
  | 'ERR_AUTH_REQUIRED'
  | 'ERR_AUTH_REVOKED'
  | 'ERR_AUTH_FORBIDDEN'
  | 'ERR_AUTH_CROSS_SITE'
  | 'ERR_AUTH_PATH'
  | 'ERR_AUTH_METHOD'
  | 'ERR_AUTH_MISCONFIGURED'
  | 'ERR_AUTH_UNTRUSTED'
  | 'ERR_AUTH_UNAVAILABLE'
  | 'ERR_AUTH_RECORD'
  | 'ERR_AUTH_UPSTREAM'
  | 'ERR_AUTH_UPSTREAM_BUSY'
  | 'ERR_AUTH_UPSTREAM_TIMEOUT'

const STATUS: Readonly<Record<AuthErrorCode, number>> = {
  ERR_AUTH_OPTIONS: 500,
  ERR_AUTH_SETUP: 500,
  ERR_AUTH_REQUEST: 400,
  ERR_AUTH_REQUEST_TIMEOUT: 408,
  ERR_AUTH_TOO_LARGE: 413,
  ERR_AUTH_TRANSACTION: 400,
  ERR_AUTH_DENIED: 403,
  ERR_AUTH_REQUIRED: 401,
  ERR_AUTH_REVOKED: 401,
  ERR_AUTH_FORBIDDEN: 403,
  ERR_AUTH_CROSS_SITE: 403,
  ERR_AUTH_PATH: 404,
  ERR_AUTH_METHOD: 405,
  ERR_AUTH_MISCONFIGURED: 502,
  ERR_AUTH_UNTRUSTED: 502,
  ERR_AUTH_UNAVAILABLE: 503,
  ERR_AUTH_RECORD: 500,
  ERR_AUTH_UPSTREAM: 502,
  ERR_AUTH_UPSTREAM_BUSY: 503,
  ERR_AUTH_UPSTREAM_TIMEOUT: 504,
}

export interface AuthErrorOptions {
  cause?: unknown
  /** Whole seconds; sent as `Retry-After` (RFC 9110 §10.2.3). */
  retryAfterSeconds?: number | undefined
}

/** Base of every error this package raises. Branch on `code`; messages may change. */
export class AuthError extends Error {
  readonly code: AuthErrorCode
  /** HTTP status; read by Express when no error handler answers. */
  readonly status: number
  /** May `message` reach the browser? */
  readonly expose: boolean
  /** Whole seconds after which a repeat makes sense, where that is known. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: AuthErrorCode, message: string, options: AuthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: withoutSecrets(options.cause) })
    this.name = 'AuthError'
    this.code = code
    this.status = STATUS[code]
    this.expose = this.status < 500
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** What is left of a foreign error: enough to find the fault, and nothing that could be a token. */
export class Cause extends Error {
  readonly code: string | undefined

  constructor(name: string, message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options)
    this.name = name
    this.code = code
  }
}

/**
 * `openid-client` hangs the raw answer on its errors, and some servers repeat the refused token in `error_description`.
 * Logging libraries print both. Names, codes and the texts of our own dependencies stay; whatever the server wrote goes.
 */
export function withoutSecrets(error: unknown): Error {
  if (error instanceof AuthError || error instanceof Cause) return error
  if (!isError(error)) return new Cause('Unknown', 'something that is not an Error was thrown', undefined)

  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  // V8 quotes the text that it could not parse.
  if (error.name === 'SyntaxError') return new Cause(error.name, 'the text could not be parsed', code)

  const inner = isError(error.cause) ? { cause: withoutSecrets(error.cause) } : undefined
  // Where all addresses of a name fail, Node says nothing but the code.
  const cause = new Cause(error.name, error.message === '' ? (code ?? '') : error.message, code, inner)
  if (error.stack !== undefined) cause.stack = error.stack
  return cause
}

/** Also of another realm (a `vm` context, such as jest's), whose errors `instanceof` does not know. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}
