import type { Request } from 'express'
import type { Account } from '../session/account.ts'
import type { Parts } from './parts.ts'

/**
 * Who is signed in, for a page of the application. An account of one tenant is nobody's on the pages of another, nor where the application
 * cannot say which tenant's page it is: a path that it reads in another way than its router must not lead there.
 */
export function signedIn({ corner, registrations }: Parts, req: Request): Account | undefined {
  const account = corner.account(req)
  return account !== undefined && registrations.isHere(account.provider, req) === 'here' ? account : undefined
}

/** The same for our own routes, which belong to no tenant. */
export function signedInAnywhere({ corner, registrations }: Parts, req: Request): Account | undefined {
  const account = corner.account(req)
  return account !== undefined && registrations.isHere(account.provider, req) !== 'elsewhere' ? account : undefined
}
