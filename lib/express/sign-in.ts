import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import { newTransaction, sealState, type TransactionRequest } from '../protocol/transaction.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import type { ConnectTo, Purpose } from '../session/pending-sign-in.ts'
import type { Account } from '../session/account.ts'
import { sendAuthorizationPage } from './authorization-page.ts'
import type { Parts } from './parts.ts'
import { areOtherTenants, type Registration } from './registrations.ts'

/** Puts a transaction into the session and sends the browser to the authorization server (RFC 6749 §4.1.1). */
export async function beginSignIn(
  { session, corner, stateSealer, connectionSealer, runtime }: Parts,
  { registration, connectTo, purpose = connectTo === undefined ? 'sign-in' : 'connect' }: Destination,
  req: Request,
  res: Response,
  request: TransactionRequest,
): Promise<void> {
  session.demandCookie(req)
  const transaction = newTransaction(request, runtime.now())
  const { server, key } = registration
  const state = sealState(transaction, key, purpose === 'sign-in' ? stateSealer : connectionSealer)
  const authorization = await server.begin(transaction, state)
  await corner.putTransaction(req, { ...transaction, provider: key, purpose, connectTo })
  if (authorization.method === 'post') return sendAuthorizationPage(res, authorization, server.provider.name)
  redirect(res, authorization.url.href)
}

/** Where a sign-in goes, and what it is for. */
export interface Destination {
  readonly registration: Registration
  /** `undefined`: it signs somebody in, but for a `purpose` that says otherwise. */
  readonly connectTo?: ConnectTo | undefined
  /** Of an application that says so itself. */
  readonly purpose?: Purpose | undefined
}

/**
 * With nobody signed in, a provider signs somebody in; with its own account signed in, once more. Any other account is added to those of
 * who is signed in.
 *
 * @throws {AuthError} `ERR_AUTH_REQUIRED` if there is nobody to add it to, and it may not sign anybody in.
 */
export function destinationAt(registration: Registration, account: Account | undefined): Destination {
  if (account === undefined || areOtherTenants(account.provider, registration.key)) {
    if (registration.maySignIn) return { registration }
    throw new AuthError('ERR_AUTH_REQUIRED', 'sign in first; this account can only be connected then')
  }
  if (account.provider === registration.key) return { registration }
  return { registration, connectTo: { provider: account.provider, subject: account.user.sub } }
}

/**
 * Where a sign-in would help: at the provider whose account is missing; else at the only one that can sign in the user of this request, or
 * on the page to choose on.
 */
export function loginPathOf({ registrations, settings, loginPaths }: Parts, req: Request, error?: AuthError): string {
  const missing = error && loginPaths.get(error)
  if (missing !== undefined) return missing
  const [first, ...others] = registrations.signingIn(req)
  return first === undefined || others.length > 0 ? settings.paths.login : first.paths.login
}

/** Sends the browser to a sign-in, and from there back. @param loginPath of a provider, or of all. */
export function redirectToLogin(res: Response, returnTo: ReturnPath, loginPath: string): void {
  redirect(res, withReturnTo(loginPath, returnTo))
}

export function withReturnTo(loginPath: string, returnTo: ReturnPath): string {
  return `${loginPath}?${new URLSearchParams({ returnTo }).toString()}`
}

/** After a POST as well, the browser must follow with a GET (RFC 9110 §15.4.4). */
export function redirect(res: Response, url: string): void {
  // Not `res.redirect`: the body it writes repeats the address, and rewriting the header could change a path that was checked.
  res.status(303).set({ Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end()
}
