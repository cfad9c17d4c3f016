import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import { finish, type ReceivedSignIn } from '../express/callback.ts'
import { abandon, endBefore, notTheirs, store } from '../express/establish.ts'
import type { Parts } from '../express/parts.ts'
import type { Registration } from '../express/registrations.ts'
import { maybeSameUser, type ProviderAccount } from '../session/account.ts'
import type { AuthenticateOptions } from './authenticate-options.ts'
import { destinationFor } from './destination.ts'
import { aroundLogIn } from './log-in.ts'
import { signInHandle } from './sign-in-handle.ts'
import { decide, type Decision, type ProviderSignIn, type TakesDone, type Verified, type VerifyDone } from './verify.ts'

export interface CompletionContext {
  readonly parts: Parts
  /** Asks the application's own `verify`. */
  readonly verify: (req: Request, signIn: ProviderSignIn, done: VerifyDone) => Verified | void
  readonly takesDone: TakesDone
}

/** What Passport is told. */
export type Completed =
  | { kind: 'success'; user: unknown; info: object | string }
  | { kind: 'fail'; challenge: object | string | undefined; status: number | undefined }

/**
 * Asks the application about what was granted, and gives it to whom it is for: a sign-in to whom Passport logs in, an account to who is
 * signed in. Nobody's grant is left behind.
 */
export async function complete(
  { parts, verify, takesDone }: CompletionContext,
  received: ReceivedSignIn,
  registration: Registration,
  req: Request,
  res: Response,
  options: AuthenticateOptions,
): Promise<Completed> {
  const { granted, purpose, connectTo, returnPath } = received
  const { account } = granted
  if (purpose === 'connect') demandSame(parts, received, registration, req)
  await store(parts, granted).catch((error: unknown) => {
    abandon(parts, granted, accountsIn(parts, req))
    throw error
  })
  const stored: ReceivedSignIn = { ...received, granted: { ...granted, isStored: true } }

  const handle = signInHandle(parts, registration, account, purpose)
  let decision: Decision
  try {
    decision = await decide((done) => verify(req, handle, done), takesDone)
  } catch (error) {
    await endNew(parts, account, req)
    throw error
  }
  const { user, info } = decision
  if (user === undefined) {
    await endNew(parts, account, req)
    return { kind: 'fail', challenge: info, status: undefined }
  }

  const keepIt = (type: 'sign-in' | 'connect'): void =>
    parts.tell({ type, provider: registration.grantKey, subject: account.user.sub, grantId: account.grantId })
  if (purpose === 'sign-in') signInAtLogIn(parts, stored, req, res, options, keepIt)
  // An account at the provider that they signed in with has no place beside that: the application has it, as where nobody is signed in.
  else if (connectTo === undefined || connectTo.provider === registration.key) keepIt('connect')
  else await finish(parts, stored, req)
  return { kind: 'success', user, info: typeof info === 'string' ? info : { ...info, returnTo: returnPath } }
}

/**
 * Who is signed in must still be who began to connect the account; where that was nobody, nobody. Asked before anything is stored, and
 * before the application is asked, which would link the account to its own user.
 *
 * @throws {AuthError} `ERR_AUTH_TRANSACTION`
 */
function demandSame(
  parts: Parts,
  { granted, connectTo }: ReceivedSignIn,
  registration: Registration,
  req: Request,
): void {
  const now = destinationFor('connect', parts, registration, req).connectTo
  if (now?.provider === connectTo?.provider && now?.subject === connectTo?.subject) return
  abandon(parts, granted, accountsIn(parts, req))
  throw notTheirs()
}

/**
 * Signs in whom Passport logs in. An application's own callback may log nobody in: then the grant ends with the response, unless
 * `{ session: false }` says that it is the application's.
 */
function signInAtLogIn(
  parts: Parts,
  stored: ReceivedSignIn,
  req: Request,
  res: Response,
  options: AuthenticateOptions,
  keepIt: (type: 'sign-in') => void,
): void {
  const { account } = stored.granted
  let state: 'open' | 'claimed' | 'over' = 'open'
  let lost: readonly ProviderAccount[] = [account]
  if (options.session) {
    const closed = (): void => {
      if (state !== 'open') return
      state = 'over'
      void endNew(parts, account, req)
    }
    // Passport, or the callback, is about to be told.
    if (res.closed) setImmediate(closed)
    else res.once('close', closed)
  } else keepIt('sign-in')

  aroundLogIn(
    req,
    async ({ session }) => {
      if (state === 'over')
        throw new AuthError('ERR_AUTH_TRANSACTION', 'the sign-in has ended with the response; log in before that')
      state = 'claimed'
      if (session !== false) {
        await finish(parts, stored, req)
        lost = accountsIn(parts, req)
      } else if (options.session) keepIt('sign-in')
      if (options.returnsTo) setReturn(parts, req, stored.returnPath)
    },
    // The session is gone by then, with whatever was connected in it.
    async () => {
      for (const one of lost) parts.corner.grantEnded(one.grantId)
      await Promise.all(lost.map(async (one) => endBefore(parts, one, true)))
    },
  )
}

/** Nobody is to use it. If another sign-in goes on that the server may hold to be the same grant, it is not revoked. */
async function endNew(parts: Parts, account: ProviderAccount, req: Request): Promise<void> {
  parts.corner.grantEnded(account.grantId)
  const isOther = accountsIn(parts, req).every((other) => !maybeSameUser(other, account))
  await endBefore(parts, account, isOther)
}

function accountsIn({ corner }: Parts, req: Request): readonly ProviderAccount[] {
  // The application may have ended the session.
  if ((req as { session?: unknown }).session === undefined) return []
  return [corner.account(req) ?? [], corner.connections(req)].flat()
}

/** Passport's own way to say where to go; whatever else is there by that name did not come through our checks. */
function setReturn({ settings }: Parts, { session }: Request, returnPath: string): void {
  const place = session as { returnTo?: unknown }
  if (returnPath === settings.afterLogin) delete place.returnTo
  else place.returnTo = returnPath
}
