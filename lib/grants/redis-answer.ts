import type { AuthError } from '../errors.ts'
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

/** By hand: it comes with every request. */
function parseGrant(fields: readonly unknown[]): StoredGrant {
  const [storeNow, generation, provider, subject, sid, verified, storedAt, clockOffset, failures, sealed, session] =
    fields
  return {
    storeNow: whole(storeNow),
    generation: whole(generation, 1),
    provider: text(provider),
    subject: maybe(subject),
    sid: maybe(sid),
    verified: maybe(verified) === '1',
    storedAt: whole(storedAt),
    clockOffset: whole(clockOffset),
    failures: failures === null ? 0 : whole(failures),
    sealed: text(sealed),
    session: maybe(session),
  }
}

function whole(field: unknown, atLeast = -Infinity): number {
  const value = /^-?\d+$/.test(text(field)) ? Number(field) : NaN
  if (!(value >= atLeast)) throw mistaken()
  return value
}

function text(field: unknown): string {
  if (typeof field !== 'string') throw mistaken()
  return field
}

function maybe(field: unknown): string | undefined {
  return field === null ? undefined : text(field)
}

function mistaken(): AuthError {
  return unreadable('a field of it is not what it should be')
}
