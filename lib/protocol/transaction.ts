import { randomBytes } from 'node:crypto'
import { randomNonce, randomPKCECodeVerifier } from 'openid-client'
import * as z from 'zod'
import type { Sealer } from '../sealer.ts'
import { parseReturnPath, type ReturnPath } from './return-path.ts'

/** A sign-in that takes longer than this has been given up. */
export const TRANSACTION_TTL_MS: number = 10 * 60_000

/**
 * What one authorization request must remember until its response comes: `nonce` and `code_verifier` (OIDC Core §3.1.2.1,
 * RFC 7636 §4.1) and where the end-user was going. Named by its `state` (RFC 6749 §10.12), good for one response.
 */
export interface Transaction {
  /** The random part of `state`. */
  readonly id: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly returnPath: ReturnPath
  /** Epoch milliseconds. */
  readonly startedAt: number
  /** Counts from 1; more when a transaction was lost to a race and the sign-in began again by itself. */
  readonly attempt: number
  /** Seconds; asked for as `max_age`, so the ID Token must prove it (OIDC Core §3.1.2.1). */
  readonly maxAge?: number | undefined
  /** What else this authorization request asks for, such as `prompt`. */
  readonly parameters: Readonly<Record<string, string>>
}

/** What `state` itself carries. It proves nothing, and only serves to begin again when the transaction was lost. */
export interface StateContent extends Omit<Transaction, 'nonce' | 'codeVerifier'> {
  /** Key of the provider that it was sent to. */
  readonly provider: string
}

export type TransactionRequest = Pick<Transaction, 'returnPath' | 'attempt' | 'maxAge' | 'parameters'>

export function newTransaction(
  { returnPath, attempt, maxAge, parameters }: TransactionRequest,
  now: number,
): Transaction {
  return {
    returnPath,
    attempt,
    maxAge,
    parameters,
    id: randomBytes(24).toString('base64url'),
    nonce: randomNonce(),
    codeVerifier: randomPKCECodeVerifier(),
    startedAt: now,
  }
}

export function isExpired(transaction: Pick<Transaction, 'startedAt'>, now: number): boolean {
  return now - transaction.startedAt > TRANSACTION_TTL_MS
}

/** As short as it can be: it stands in two addresses. */
export function sealState(
  { id, returnPath, startedAt, attempt, maxAge, parameters }: Transaction,
  provider: string,
  sealer: Sealer,
): string {
  return sealer.seal(JSON.stringify([id, returnPath, startedAt, attempt, maxAge ?? null, parameters, provider]))
}

const parametersSchema = z.record(z.string(), z.string())

const stateSchema = z.tuple([
  z.string(),
  z.string(),
  z.number(),
  z.number(),
  z.number().nullable(),
  parametersSchema,
  z.string(),
])

/** @returns `undefined` for a `state` that this application never sent. */
export function openState(state: unknown, sealer: Sealer): StateContent | undefined {
  const text = sealer.open(state)
  if (text === undefined) return undefined
  const content = stateSchema.safeParse(JSON.parse(text)).data
  if (content === undefined) return undefined // of another version, before an update
  const [id, path, startedAt, attempt, maxAge, parameters, provider] = content
  return {
    id,
    returnPath: parseReturnPath(path),
    startedAt,
    attempt,
    maxAge: maxAge ?? undefined,
    parameters,
    provider,
  }
}

const transactionSchema = z.object({
  id: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnPath: z.string().transform(parseReturnPath),
  startedAt: z.number(),
  attempt: z.number(),
  maxAge: z.number().optional(),
  parameters: parametersSchema,
})

/** Reads one back from the session store. @returns `undefined` if it is not one of ours. */
export function parseTransaction(stored: unknown): Transaction | undefined {
  return transactionSchema.safeParse(stored).data
}
