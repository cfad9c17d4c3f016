import type { Request } from 'express'
import type { Account } from '../session/account.ts'
import type { Parts } from './parts.ts'
import { ConnectedRequest } from './request-auth.ts'

/** The sign-in that a request was let in for, by name. */
export interface SignInRef {
  readonly sessionId: string
  readonly grantId: string
  /** Of the connected account that is used as well. */
  readonly connectionGrantId: string | undefined
  /** It ended in this process while the request was on its way. */
  readonly hasEnded: boolean
}

/**
 * @param provider key of the connected account that is used.
 * @returns `undefined`: nobody has asked who is signed in, or nobody was when the request came.
 */
export function signInOf(parts: Parts, req: Request, provider: string | undefined): SignInRef | undefined {
  const auth: unknown = req.auth
  if (!(auth instanceof ConnectedRequest) || !auth.isOf(parts)) return undefined
  const current = auth.account
  const account = current ?? endedAccount(parts, req)
  if (account === undefined) return undefined
  const { grantId, sessionId } = account
  const hasEnded = current === undefined
  const used = provider === undefined ? account : auth.provider(provider).account
  return {
    sessionId,
    grantId,
    connectionGrantId: used === undefined || used.grantId === grantId ? undefined : used.grantId,
    hasEnded,
  }
}

/** A guard has let it in as theirs, and has its word no more. Of no other tenant, as with who is signed in. */
function endedAccount({ corner, registrations }: Parts, req: Request): Account | undefined {
  const account = corner.endedAccount(req)
  return account !== undefined && registrations.isHere(account.provider, req) === 'here' ? account : undefined
}

/**
 * Does a sign-in of a while ago still hold? Its grant says which session it is in by now.
 *
 * @throws {AuthError} while it cannot be said: a store is away.
 */
export async function isStillSignedIn(parts: Parts, signIn: SignInRef): Promise<boolean> {
  const { bindings, keeper, session, corner } = parts
  const { grantId, connectionGrantId } = signIn
  await bindings.mend(grantId)
  const [grant, connection] = await Promise.all([
    keeper.inspect(grantId),
    connectionGrantId === undefined ? undefined : keeper.inspect(connectionGrantId),
  ])
  if (grant === undefined || (connectionGrantId !== undefined && connection === undefined)) return false
  const stored = await session.read(grant.session?.id ?? signIn.sessionId)
  return stored !== undefined && corner.accountIn(stored)?.grantId === grantId
}
