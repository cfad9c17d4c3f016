import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import { parseReturnPath, type ReturnPath } from '../protocol/return-path.ts'
import { openState, type TransactionRequest } from '../protocol/transaction.ts'
import { isPrefetch, wantsPage } from './navigation.ts'
import { readParameters } from './parameters.ts'
import type { ExpressSettings, LoginParameter, Parts } from './parts.ts'
import { beginSignIn, redirect } from './sign-in.ts'

/** Each new browser tab can cost the others one. After more it is no race, and browsers follow no more than twenty redirects. */
const MAX_ATTEMPTS = 5

/** What is accepted for each; anything else would come back as the server's error, in the server's words. */
const ACCEPTED: Readonly<Record<LoginParameter, RegExp>> = {
  prompt: /^(?:none|(?:login|consent|select_account|create)(?: (?:login|consent|select_account|create))*)$/,
  login_hint: /^.{1,256}$/u,
  ui_locales: /^[a-z\d-]{1,35}(?: [a-z\d-]{1,35}){0,9}$/i,
  acr_values: /^[\x21-\x7e]{1,200}(?: [\x21-\x7e]{1,200}){0,9}$/,
  max_age: /^\d{1,9}$/,
}

/**
 * `GET /login`: begins a sign-in. `returnTo` says where it leads; `resume` is the `state` of one whose transaction was lost to a
 * race between tabs, which begins again by itself.
 */
export function loginRoute(parts: Parts): (req: Request, res: Response) => Promise<void> {
  const { settings, corner, stateSealer } = parts
  return async function login(req, res) {
    if (isPrefetch(req) || (req.get('sec-fetch-mode') !== undefined && !wantsPage(req))) {
      throw new AuthError(
        'ERR_AUTH_REQUEST',
        'sign-in is a page: navigate to it, a script cannot follow it to the authorization server',
      )
    }
    const received = await readParameters(req, res, ['returnTo', 'resume', ...settings.loginParameters])
    const lost = received.has('resume') ? openState(received.get('resume'), stateSealer) : undefined
    if (lost === undefined) return beginSignIn(parts, req, res, requestOf(received, settings))

    // Another tab has finished meanwhile.
    if (corner.account(req) !== undefined || corner.hasMoved(req)) return redirect(res, lost.returnPath)
    if (lost.attempt >= MAX_ATTEMPTS || (lost.attempt > 1 && req.headers.cookie === undefined)) {
      throw new AuthError(
        'ERR_AUTH_TRANSACTION',
        'the sign-in was begun in another browser, or this one keeps no cookies',
      )
    }
    await beginSignIn(parts, req, res, { ...lost, attempt: lost.attempt + 1 })
  }
}

function requestOf(received: URLSearchParams, settings: ExpressSettings): TransactionRequest {
  const { max_age: maxAge, ...parameters } = readLoginParameters((name) => received.get(name), settings.loginParameters)
  return {
    returnPath: readReturnPath(received.get('returnTo'), settings),
    attempt: 1,
    parameters,
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
  }
}

/** A local path that is not one of our own routes, which would go in a circle or sign out again. */
export function readReturnPath(input: unknown, { paths, afterLogin }: ExpressSettings): ReturnPath {
  if (input === null || input === undefined) return afterLogin
  const path = parseReturnPath(input)
  const own: readonly string[] = Object.values(paths)
  return own.includes(path.split(/[?#]/, 1)[0] ?? '') ? afterLogin : path
}

/**
 * @param valueOf a parameter, as it came.
 * @throws {AuthError} `ERR_AUTH_REQUEST` for a value that it cannot have.
 */
export function readLoginParameters(
  valueOf: (name: LoginParameter) => string | null | undefined,
  allowed: readonly LoginParameter[],
): Partial<Record<LoginParameter, string>> {
  const parameters: Partial<Record<LoginParameter, string>> = {}
  for (const name of allowed) {
    const value = valueOf(name) ?? ''
    if (value === '') continue
    if (!ACCEPTED[name].test(value))
      throw new AuthError('ERR_AUTH_REQUEST', `this request is malformed: "${name}" has a value it cannot have`)
    parameters[name] = value
  }
  return parameters
}
