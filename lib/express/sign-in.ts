import type { Request, Response } from 'express'
import { newTransaction, sealState, type TransactionRequest } from '../protocol/transaction.ts'
import type { ReturnPath } from '../protocol/return-path.ts'
import type { ExpressSettings, Parts } from './parts.ts'

/** Puts a transaction into the session and sends the browser to the authorization server (RFC 6749 §4.1.1). */
export async function beginSignIn(
  { server, session, corner, stateSealer, runtime }: Parts,
  req: Request,
  res: Response,
  request: TransactionRequest,
): Promise<void> {
  session.demandCookie(req)
  const transaction = newTransaction(request, runtime.now())
  const url = await server.begin(transaction, sealState(transaction, stateSealer))
  await corner.putTransaction(req, transaction)
  redirect(res, url.href)
}

/** Sends the browser to the sign-in, and from there back. */
export function redirectToLogin(res: Response, returnTo: ReturnPath, { paths }: ExpressSettings): void {
  redirect(res, `${paths.login}?${new URLSearchParams({ returnTo }).toString()}`)
}

/** After a POST as well, the browser must follow with a GET (RFC 9110 §15.4.4). */
export function redirect(res: Response, url: string): void {
  // Not `res.redirect`: the body it writes repeats the address, and rewriting the header could change a path that was checked.
  res.status(303).set({ Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end()
}
