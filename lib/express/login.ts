import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import { parseReturnPath, type ReturnPath } from '../protocol/return-path.ts'
import { openState, type TransactionRequest } from '../protocol/transaction.ts'
import { answerError } from './error-answer.ts'
import { isLedFromElsewhere, isPrefetch, wantsPage, withoutLastSlash } from './navigation.ts'
import { Html, html, page, sendPage } from './page.ts'
import { readParameters } from './parameters.ts'
import type { ExpressSettings, LoginParameter, Parts } from './parts.ts'
import type { Registration } from './registrations.ts'
import { beginSignIn, destinationAt, redirect, type Destination } from './sign-in.ts'
import { signedInAnywhere } from './signed-in.ts'

/** Each new browser tab can cost the others one. After more it is no race, and browsers follow no more than twenty redirects. */
const MAX_ATTEMPTS = 5

/** As they go into the authorization request. */
export type LoginParameters = Readonly<Partial<Record<LoginParameter, string>>>

/** What is accepted for each; anything else would come back as the server's error, in the server's words. */
const ACCEPTED: Readonly<Record<LoginParameter, RegExp>> = {
  prompt: /^(?:none|(?:login|consent|select_account|create)(?: (?:login|consent|select_account|create))*)$/,
  login_hint: /^.{1,256}$/u,
  ui_locales: /^[a-z\d-]{1,35}(?: [a-z\d-]{1,35}){0,9}$/i,
  acr_values: /^[\x21-\x7e]{1,200}(?: [\x21-\x7e]{1,200}){0,9}$/,
  max_age: /^\d{1,9}$/,
}

/** What an application says that has the route itself. */
export interface LoginPlan {
  /** Where the sign-in leads if the request itself does not say so. */
  readonly returnTo: string | undefined
  readonly destination: Destination
  /** Go before those of the request. */
  readonly parameters: LoginParameters
}

/**
 * `GET /login` and `GET /login/:provider`: begins a sign-in, or connects an account, after asking where another site has led here.
 * `returnTo` says where it leads; `resume` is the `state` of one whose transaction was lost to a race between tabs, which begins again by
 * itself.
 *
 * @param named the provider in the path; `undefined`: the only one that signs in users, or a page to choose on.
 * @param plan where it is the application that answers.
 */
export function loginRoute(
  parts: Parts,
): (req: Request, res: Response, named?: Registration, plan?: LoginPlan) => Promise<void> {
  const { settings, registrations, stateSealer } = parts
  return async function login(req, res, named, plan) {
    if (isPrefetch(req) || (req.get('sec-fetch-mode') !== undefined && !wantsPage(req))) {
      throw new AuthError(
        'ERR_AUTH_REQUEST',
        'sign-in is a page: navigate to it, a script cannot follow it to the authorization server',
      )
    }
    const received = await readParameters(req, res, ['returnTo', 'resume', ...settings.loginParameters])
    if (plan?.returnTo !== undefined && !received.has('returnTo')) received.set('returnTo', plan.returnTo)
    const request = requestOf(received, settings, plan?.parameters)
    const [first, ...others] = named === undefined ? registrations.signingIn(req) : [named]
    if (first === undefined) throw new AuthError('ERR_AUTH_REQUEST', 'this address belongs to no tenant, so nobody can sign in here') // prettier-ignore
    if (others.length > 0) return choose(res, [first, ...others], received)

    const isSignIn = plan?.destination.purpose !== 'connect'
    const lost = isSignIn && received.has('resume') ? openState(received.get('resume'), stateSealer) : undefined
    if (lost !== undefined) {
      if (lost.provider !== first.key) {
        throw new AuthError('ERR_AUTH_TRANSACTION', 'this sign-in was begun at another provider')
      }
      // Another tab has finished meanwhile.
      if (isSignedIn(parts, req)) return redirect(res, lost.returnPath)
      if (lost.attempt >= MAX_ATTEMPTS || (lost.attempt > 1 && req.headers.cookie === undefined)) {
        throw new AuthError(
          'ERR_AUTH_TRANSACTION',
          'the sign-in was begun in another browser, or this one keeps no cookies',
        )
      }
    }
    const account = signedInAnywhere(parts, req)
    let destination: Destination
    try {
      destination = plan?.destination ?? destinationAt(first, account)
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      return answerError(error, req, res, settings, readReturnPath(req.originalUrl, settings))
    }
    // Whoever is signed in at the provider without knowing it, must not be connected without wanting it. A page of ours has asked for it.
    if (
      (destination.connectTo !== undefined || destination.purpose === 'connect') &&
      isLedFromElsewhere(req, settings.origin)
    ) {
      return confirmConnect(res, first, received, settings.homeUrl)
    }
    await beginSignIn(
      parts,
      destination,
      req,
      res,
      lost === undefined ? request : { ...lost, attempt: lost.attempt + 1 },
    )
  }
}

/** Is the end-user signed in by now, or will be with the cookie that is on its way to the browser? */
export function isSignedIn(parts: Parts, req: Request): boolean {
  return signedInAnywhere(parts, req) !== undefined || parts.corner.hasMoved(req)
}

/** Which of them it should be is for the user to say. */
function choose(res: Response, registrations: readonly Registration[], received: URLSearchParams): void {
  received.delete('resume')
  const query = received.size === 0 ? '' : `?${received.toString()}`
  const buttons = registrations.map(
    ({ paths, server }) => html`<a class="button" href="${paths.login + query}">${server.provider.name}</a>`,
  )
  const body = html`<p>Choose how you want to sign in.</p>
    <div class="actions">${new Html(buttons.map(({ text }) => text).join('\n'))}</div>`
  sendPage(res, page('Sign in', body))
}

/** The button of this page comes back here, from here: to the address of the page itself, which may be one of the application's. */
function confirmConnect(res: Response, { server }: Registration, received: URLSearchParams, homeUrl: string): void {
  received.delete('resume')
  const { name } = server.provider
  const inputs = [...received].map(([key, value]) => html`<input type="hidden" name="${key}" value="${value}" />`)
  const body = html`<p>What you have there can then be used here. Connect it only if you have asked for that.</p>
    <form class="actions" method="get">
      ${new Html(inputs.map(({ text }) => text).join('\n'))}
      <button class="button">Connect</button>
      <a class="button second" href="${homeUrl}">Do not connect</a>
    </form>`
  sendPage(res, page(`Connect ${name} to your account?`, body))
}

function requestOf(
  received: URLSearchParams,
  settings: ExpressSettings,
  planned: LoginParameters = {},
): TransactionRequest {
  const asked = readLoginParameters((name) => received.get(name), settings.loginParameters)
  const { max_age: maxAge, ...parameters } = { ...asked, ...planned }
  return {
    returnPath: readReturnPath(received.get('returnTo'), settings),
    attempt: 1,
    parameters,
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
  }
}

/**
 * A local path that is not one of our own routes, which would go in a circle or sign out again; but for the sign-in at one of several
 * providers, where an account may be connected afterwards.
 */
export function readReturnPath(input: unknown, { paths, hasPathsBelow, afterLogin }: ExpressSettings): ReturnPath {
  if (input === null || input === undefined) return afterLogin
  const path = parseReturnPath(input)
  const own: readonly string[] = Object.values(paths)
  const place = withoutLastSlash(path.split(/[?#]/, 1)[0] ?? '')
  const isBelow = [paths.callback, paths.backchannelLogout].some((above) => place.startsWith(`${above}/`))
  return own.includes(place) || (hasPathsBelow && isBelow) ? afterLogin : path
}

/**
 * @param valueOf a parameter, as it came.
 * @throws {AuthError} `ERR_AUTH_REQUEST` for a value that it cannot have.
 */
export function readLoginParameters(
  valueOf: (name: LoginParameter) => string | null | undefined,
  allowed: readonly LoginParameter[],
): LoginParameters {
  const parameters: { -readonly [Name in keyof LoginParameters]: LoginParameters[Name] } = {}
  for (const name of allowed) {
    const value = valueOf(name) ?? ''
    if (value === '') continue
    if (!ACCEPTED[name].test(value))
      throw new AuthError('ERR_AUTH_REQUEST', `this request is malformed: "${name}" has a value it cannot have`)
    parameters[name] = value
  }
  return parameters
}
