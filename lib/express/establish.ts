import { randomBytes } from 'node:crypto'
import type { Request } from 'express'
import type { IDToken } from 'openid-client'
import { AuthError } from '../errors.ts'
import { newGrantId, type GrantOwner, type GrantSession } from '../grants/grant.ts'
import type { CompletedSignIn } from '../protocol/authorization-server.ts'
import { TOKEN_CLAIMS } from '../protocol/token-claims.ts'
import type { TokenSet } from '../protocol/token-response.ts'
import type { ConnectTo } from '../session/pending-sign-in.ts'
import { maybeSameUser, type Account, type Connection, type ProviderAccount, type User } from '../session/account.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registrations.ts'

const MAX_USER_AGENT_LENGTH = 256

/** What an authorization server granted. */
export interface NewGrant {
  readonly account: ProviderAccount
  readonly owner: GrantOwner
  readonly tokens: TokenSet
  /** `true`: the grant can be used, and has no session yet. */
  readonly isStored?: boolean | undefined
}

/** Gives a grant its name, and its end-user. */
export function grantOf({ tokens, claims, user: identified }: CompletedSignIn, registration: Registration): NewGrant {
  const { key, grantKey, server } = registration
  const isAnonymous = claims === undefined && identified === undefined
  const user = toUser(claims) ?? identified ?? { sub: `anonymous-${randomBytes(16).toString('base64url')}` }
  const sid = typeof claims?.['sid'] === 'string' ? claims['sid'] : undefined
  const scope = tokens.scope ?? server.provider.scope
  return {
    account: { provider: key, user, grantId: newGrantId(), scope, ...(isAnonymous && { isAnonymous }) },
    owner: { provider: grantKey, subject: user.sub, sid },
    tokens,
  }
}

/** Stores a grant, or, once it is, binds it to a session. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`. */
export async function store(
  { keeper }: Parts,
  { account, owner, tokens, isStored }: NewGrant,
  session?: GrantSession,
): Promise<void> {
  if (isStored !== true) await keeper.create(owner, tokens, session, account.grantId)
  else if (session !== undefined) await keeper.bindSession(account.grantId, session)
}

/**
 * Signs the end-user in.
 *
 * @param signedInAt when the response arrived: what was ended at the server after that, ended this sign-in too. Epoch milliseconds.
 */
export async function establish(parts: Parts, granted: NewGrant, signedInAt: number, req: Request): Promise<void> {
  const { corner, tell } = parts
  const { account, owner } = granted
  const { grantId } = account
  const userAgent = req.get('user-agent')?.slice(0, MAX_USER_AGENT_LENGTH)
  let before
  try {
    before = await corner.signIn(req, async (sessionId): Promise<Account> => {
      await store(parts, granted, { id: sessionId, signedInAt, userAgent })
      return { ...account, signedInAt, sessionId, userAgent }
    })
  } catch (error) {
    // The sign-in before goes on.
    const goesOn = corner.account(req)
    abandon(parts, granted, [...(goesOn === undefined ? [] : [goesOn]), ...corner.connections(req)])
    throw error
  }
  tell({ type: 'sign-in', provider: owner.provider, subject: owner.subject, grantId })
  // Whatever becomes of the old grant, the new one is there; if it was somebody else's, they have signed out by this.
  if (before.account !== undefined) await endBefore(parts, before.account, before.isOther)
  await Promise.all(before.connections.map(async (one) => endBefore(parts, one, !maybeSameUser(one, account))))
}

/**
 * Connects an account to the user for whom that was begun.
 *
 * @throws {AuthError} `ERR_AUTH_TRANSACTION` if they are not, or not any more, who is signed in here: then nothing is kept of the grant.
 */
export async function connect(
  parts: Parts,
  granted: NewGrant,
  to: ConnectTo,
  connectedAt: number,
  req: Request,
): Promise<void> {
  const { keeper, corner, bindings, tell } = parts
  const { account, owner } = granted
  const { grantId } = account
  let signedIn: Account | undefined
  let nextSessionId = ''
  let before
  try {
    before = await corner.connect(req, to, async (theirs, sessionId): Promise<Connection> => {
      // Without the session: who ends the sign-in there ends the session with it.
      await store(parts, granted)
      signedIn = theirs
      nextSessionId = sessionId
      await bindings.bind(theirs, sessionId)
      return { ...account, connectedAt }
    })
  } catch (error) {
    if (signedIn !== undefined) await bindings.undo(signedIn, nextSessionId)
    abandon(parts, granted, corner.connections(req))
    throw error
  }
  if (before === 'not-theirs' || signedIn === undefined) {
    abandon(parts, granted, corner.connections(req))
    throw notTheirs()
  }
  // Whoever signed them out meanwhile has seen the session as it was before.
  if (await keeper.hasLeft(signedIn.grantId, [req.sessionID]).catch(() => false)) {
    // It may go on in a session that another process has moved to.
    const isOver = (await keeper.inspect(signedIn.grantId).catch(() => undefined)) === undefined
    if (isOver) corner.grantEnded(signedIn.grantId)
    abandon(parts, granted, [])
    if (before !== undefined) await endBefore(parts, before, true)
    throw notTheirs()
  }
  tell({ type: 'connect', provider: owner.provider, subject: owner.subject, grantId })
  if (before !== undefined) await endBefore(parts, before, !maybeSameUser(before, account))
}

/**
 * Nobody will use it, whether it was stored or not.
 *
 * @param others that go on: what the server may hold to be the same grant is not revoked.
 */
export function abandon(
  { keeper }: Parts,
  { account, owner, tokens }: NewGrant,
  others: readonly ProviderAccount[],
): void {
  const goesOn = others.some((other) => maybeSameUser(other, account))
  keeper.abandon(account.grantId, owner, goesOn ? undefined : tokens)
}

/** @param isOther no sign-in goes on that the server may hold to be the same grant: it is revoked. */
export async function endBefore({ keeper }: Parts, { grantId }: ProviderAccount, isOther: boolean): Promise<void> {
  const why = isOther ? 'signed-out' : 'replaced'
  const last = await keeper.bury(grantId, why).catch(() => undefined)
  if (last !== undefined) void keeper.revoke(grantId, last, why)
}

export function notTheirs(): AuthError {
  return new AuthError('ERR_AUTH_TRANSACTION', 'who began to connect this account is not signed in here any more')
}

function toUser(claims: IDToken | undefined): User | undefined {
  if (claims === undefined) return undefined
  const about = Object.entries(claims).filter(([name]) => !TOKEN_CLAIMS.has(name))
  return { ...Object.fromEntries(about), sub: claims.sub }
}
