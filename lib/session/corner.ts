import type { SessionData } from 'express-session'
import { isExpired } from '../protocol/transaction.ts'
import type { Account, Connection, ProviderAccount } from './account.ts'
import { parsePendingSignIn, type ConnectTo, type PendingSignIn } from './pending-sign-in.ts'

/** What one instance keeps in a session. */
export interface Corner {
  transactions?: PendingSignIn[]
  account?: Account
  /** By the provider's key. */
  connections?: Record<string, Connection>
  /** Whose they are: they wait for this user, whose own sign-in may have ended, and for nobody else. */
  connectedTo?: ConnectTo
  /** Epoch milliseconds: a sign-in went on in another session. Nothing else is left then. */
  movedAt?: number
}

/** Our part of a session. */
export interface OurPart {
  readonly latchkey?: SessionData['latchkey'] | undefined
}

/** @param name of the instance. */
export function cornerIn(session: OurPart | undefined, name: string): Corner | undefined {
  return session?.latchkey?.[name]
}

/** Those of other instances stay. */
export function putCorner(session: SessionData, name: string, corner: Corner): void {
  session.latchkey = { ...session.latchkey, [name]: corner }
}

/** The sign-ins under way, without what is too old or is none. */
export function pendingIn({ transactions }: Readonly<Corner>, now: number): PendingSignIn[] {
  const stored = Array.isArray(transactions) ? transactions.map(parsePendingSignIn) : []
  return stored.filter((transaction) => transaction !== undefined && !isExpired(transaction, now)) as PendingSignIn[]
}

/** Takes an account out, unless another has come in its place. */
export function drop(corner: Corner, { provider, grantId }: ProviderAccount): void {
  if (corner.account?.grantId === grantId) delete corner.account
  const { connections = {} } = corner
  if (Object.hasOwn(connections, provider) && connections[provider]?.grantId === grantId) delete connections[provider]
}
