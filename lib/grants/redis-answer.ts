import * as z from 'zod'
import type { EndReason } from './grant.ts'
import type { Gone } from './grant-store.ts'
import { unreadable } from './redis-client.ts'
import type { StoredGrant } from './redis-record.ts'

/** What a script of redis-scripts.ts answered. */
export interface Answer {
  readonly kind: string
  readonly detail: string
  readonly grant: StoredGrant | undefined
}

const number = z.string().regex(/^-?\d+$/).transform(Number) // prettier-ignore
const optional = z.string().nullable().transform((value) => value ?? undefined) // prettier-ignore

const grantSchema = z.tuple([
  number, // storeNow
  number.refine((generation) => generation > 0),
  z.string(), // provider
  optional, // subject
  optional, // sid
  optional, // verified
  number, // storedAt
  number, // clockOffset
  number.nullable(), // failures
  z.string(), // sealed
  optional, // session
])

/** @throws {AuthError} `ERR_AUTH_RECORD` for a record that is not as this package writes it. */
export function parseAnswer(reply: unknown): Answer {
  const [kind, detail, ...rest] = reply as [string, string | null, ...unknown[]]
  if (kind === 'unreadable') throw unreadable(detail ?? '')
  return { kind, detail: detail ?? '', grant: rest.length === 0 ? undefined : parseGrant(rest) }
}

export function stored({ grant }: Answer): StoredGrant {
  if (grant === undefined) throw unreadable('there is nothing in it')
  return grant
}

export function gone({ detail }: Answer): Gone {
  return { kind: 'gone', why: detail === '' ? undefined : (detail as EndReason) }
}

function parseGrant(fields: unknown): StoredGrant {
  const parsed = grantSchema.safeParse(fields, { jitless: true })
  if (!parsed.success) throw unreadable('a field of it is not what it should be')
  const [storeNow, generation, provider, subject, sid, verified, storedAt, clockOffset, failures, sealed, session] =
    parsed.data
  return {
    storeNow,
    generation,
    provider,
    subject,
    sid,
    verified: verified === '1',
    storedAt,
    clockOffset,
    failures: failures ?? 0,
    sealed,
    session,
  }
}
