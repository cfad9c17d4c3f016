import type { Request } from 'express'
import type { AccessTokenOptions } from '../express/provider-auth.ts'
import type { Purpose } from '../session/pending-sign-in.ts'
import type { User } from '../session/account.ts'

/** What `verify` decides about: a sign-in at the provider that has just been completed. Its grant is kept fresh from now on. */
export interface ProviderSignIn {
  /** `connect`: begun by `passport.authorize()`, for who is signed in already. */
  readonly purpose: Purpose
  /** Key of the provider, with the tenant behind it (`hub/contoso`). */
  readonly provider: string
  /** Claims of the ID Token, or of the provider's API. */
  readonly user: User
  /** What was granted, space-separated (RFC 6749 §3.3). */
  readonly scope: string
  /** Names the sign-in in `auth.grants` and in events. */
  readonly grantId: string
  /** As `req.auth.accessToken()`: good now, refreshed if need be. */
  accessToken(options?: AccessTokenOptions): Promise<string>
  /** As `req.auth.fetch()`: `fetch` with the access token. Give it no URL that a user chose. */
  fetch(url: string | URL, init?: RequestInit): Promise<globalThis.Response>
}

/**
 * @param error what went wrong, if anything did.
 * @param user of the application; `false`: refused.
 * @param info for Passport: a message, or an object with one.
 */
export type VerifyDone = (error: unknown, user?: object | false | null, info?: object | string) => void

/** What an async `verify` comes to: a user of the application, which is anything truthy; whatever else there is refuses. */
export type Verified = Promise<object | boolean | null | undefined | void>

/**
 * Finds the application's own user, or refuses: by `done`, or as what an async function returns. A function that returns nothing is
 * waited for until it calls `done`, if it has, or may have, a parameter for that: an async one only if it declares it.
 */
export type Verify = (signIn: ProviderSignIn, done: VerifyDone) => Verified | void

export type VerifyWithRequest = (req: Request, signIn: ProviderSignIn, done: VerifyDone) => Verified | void

export interface Decision {
  /** `undefined`: refused. */
  readonly user: unknown
  readonly info: object | string | undefined
}

/** Does `verify` have a parameter for `done`? `maybe`: something is wrapped around it, and hides how many it has. */
export type TakesDone = 'yes' | 'no' | 'maybe'

/**
 * Asks `verify`, in whichever way it answers. As everywhere in Passport, what is truthy is a user.
 *
 * @param takesDone if not, what it returns is the answer.
 * @throws what it threw, or said was an error.
 */
export async function decide(call: (done: VerifyDone) => Verified | void, takesDone: TakesDone): Promise<Decision> {
  return new Promise((resolve, reject) => {
    const answer = (user: unknown, info?: object | string): void => resolve({ user: user ? user : undefined, info })
    const done: VerifyDone = (error, user, info) => {
      // By Passport's convention, an error is what is truthy.
      // eslint-disable-next-line typescript/prefer-promise-reject-errors -- it goes on to the application as it came from there
      if (error) reject(error)
      else answer(user, info)
    }
    const returned = call(done)
    if (returned === undefined && takesDone !== 'no') return
    Promise.resolve(returned).then((user) => {
      // An async function that calls `done` returns nothing.
      if (takesDone !== 'yes' || user !== undefined) answer(user)
    }, reject)
  })
}
