import * as z from 'zod'
import { parseTransaction, type Transaction } from '../protocol/transaction.ts'

/** The user to whose session an account is to be added: nobody else's. */
export interface ConnectTo {
  /** Key of the provider that the user signed in with. */
  readonly provider: string
  /** `sub` there. */
  readonly subject: string
}

/** What a transaction was begun for: to sign somebody in, or to connect an account to who is signed in. */
export type Purpose = 'sign-in' | 'connect'

/** A transaction with what it was begun for. */
export interface PendingSignIn extends Transaction {
  /** Key of the provider: the answer must arrive at its callback, and no other (mix-up, RFC 9700 §4.4). */
  readonly provider: string
  readonly purpose: Purpose
  /** `undefined`: it signs somebody in, or the application keeps the account itself. */
  readonly connectTo?: ConnectTo | undefined
}

const schema = z.object({
  provider: z.string(),
  purpose: z.enum(['sign-in', 'connect']),
  connectTo: z.object({ provider: z.string(), subject: z.string() }).optional(),
})

/** Reads one back from the session store. @returns `undefined` if it is not one of ours. */
export function parsePendingSignIn(stored: unknown): PendingSignIn | undefined {
  const transaction = parseTransaction(stored)
  const purpose = schema.safeParse(stored).data
  return transaction === undefined || purpose === undefined ? undefined : { ...transaction, ...purpose }
}
