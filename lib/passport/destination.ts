import type { Request } from 'express'
import { AuthError } from '../errors.ts'
import type { Parts } from '../express/parts.ts'
import { areOtherTenants, type Registration } from '../express/registrations.ts'
import type { Destination } from '../express/sign-in.ts'
import { signedInAnywhere } from '../express/signed-in.ts'
import type { Purpose } from '../session/pending-sign-in.ts'

/**
 * What is begun. Passport's users expect `authenticate()` to sign in, whoever is signed in already; `authorize()` is for them.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS` if the provider is there for connecting alone.
 */
export function destinationFor(purpose: Purpose, parts: Parts, registration: Registration, req: Request): Destination {
  if (purpose === 'sign-in') {
    if (registration.maySignIn) return { registration, purpose }
    throw new AuthError('ERR_AUTH_OPTIONS', `passport.authenticate(): "${registration.key}" is not in "signInWith"; it can be connected by passport.authorize()`) // prettier-ignore
  }
  const account = signedInAnywhere(parts, req)
  if (account === undefined || areOtherTenants(account.provider, registration.key)) return { registration, purpose }
  return { registration, purpose, connectTo: { provider: account.provider, subject: account.user.sub } }
}
