import { AuthError } from '../errors.ts'
import { readLoginParameters, type LoginParameters } from '../express/login.ts'
import { LOGIN_PARAMETERS } from '../express/parts.ts'
import type { Purpose } from '../session/pending-sign-in.ts'

/** What `passport.authenticate()` and `passport.authorize()` were given, as far as it is for us. */
export interface AuthenticateOptions {
  readonly purpose: Purpose
  /** `false`: nobody is signed in to the session, and the grant is the application's. */
  readonly session: boolean
  /** Does Passport read `session.returnTo` afterwards? */
  readonly returnsTo: boolean
  /** Of the authorization request. */
  readonly parameters: LoginParameters
}

/** What Passport 0.7 itself reads. */
const OF_PASSPORT: ReadonlySet<string> = new Set([
  'session', 'authInfo', 'assignProperty', 'failWithError',
  'successRedirect', 'successReturnToOrRedirect', 'successMessage', 'successFlash',
  'failureRedirect', 'failureMessage', 'failureFlash',
]) // prettier-ignore

const OURS: readonly string[] = LOGIN_PARAMETERS

/** What other strategies take, and where it belongs here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  scope: 'it belongs to the provider, as in oidc({ scope })',
  keepSessionInfo: 'name what is to outlive a sign-in in "keepInSession"',
}

/** @throws {AuthError} `ERR_AUTH_OPTIONS`, naming what would have no effect, or cannot be. */
export function readAuthenticateOptions(given: unknown): AuthenticateOptions {
  const options = (given ?? {}) as Readonly<Record<string, unknown>>
  const names = Object.keys(options).filter((name) => options[name] !== undefined)
  const unknown = names.filter((name) => !OF_PASSPORT.has(name) && !OURS.includes(name))
  if (unknown.length > 0) {
    const reasons = unknown.map((name) => `"${name}" has no effect; ${ELSEWHERE[name] ?? 'it is unknown'}`)
    throw wrong(`${reasons.join('; ')}. Besides Passport’s own options it takes ${OURS.join(', ')}`)
  }
  return {
    // Passport's authorize() differs from its authenticate() in nothing else.
    purpose: options['assignProperty'] === undefined ? 'sign-in' : 'connect',
    session: options['session'] !== false,
    returnsTo: options['successReturnToOrRedirect'] !== undefined,
    parameters: readParametersOf(options),
  }
}

function readParametersOf(options: Readonly<Record<string, unknown>>): LoginParameters {
  try {
    return readLoginParameters((name) => {
      const value = options[name]
      if (value === undefined || value === null || typeof value === 'string') return value
      if (typeof value === 'number') return String(value)
      throw wrong(`"${name}" must be text, or a number`)
    }, LOGIN_PARAMETERS)
  } catch (error) {
    if (error instanceof AuthError && error.code === 'ERR_AUTH_REQUEST')
      throw wrong(error.message.replace('this request is malformed: ', ''))
    throw error
  }
}

function wrong(what: string): AuthError {
  return new AuthError('ERR_AUTH_OPTIONS', `passport.authenticate(): ${what}`)
}
