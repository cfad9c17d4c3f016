import { createHash } from 'node:crypto'
import type { IssuedToken } from '../protocol/token-response.ts'

/** `soft`: still good, and due for a refresh in the background. */
export type Freshness = 'fresh' | 'soft' | 'expired'

export interface FreshnessRule {
  /** The early refresh begins at most so long before expiry. Milliseconds. */
  readonly softWindowMs: number
  /** A token with less left than this is treated as expired: it must survive the way to the resource server. Milliseconds. */
  readonly leewayMs: number
}

/** Of a lifetime. Five minutes early would be absurd where tokens live for ten. */
const SOFT_SHARE = 0.1
const LEEWAY_SHARE = 0.05

export function freshness(id: string, token: IssuedToken, now: number, rule: FreshnessRule): Freshness {
  const { expiresAt, lifetimeMs = Number.POSITIVE_INFINITY } = token
  if (expiresAt === undefined) return 'fresh'
  if (usableForMs(token, now, rule) <= 0) return 'expired'
  const leftMs = expiresAt - now
  const softWindowMs = Math.min(rule.softWindowMs, lifetimeMs * SOFT_SHARE)
  return leftMs <= softWindowMs && leftMs <= softWindowMs * jitter(id) ? 'soft' : 'fresh'
}

/** How long a token can still be used. Milliseconds; without end where the server did not say. */
export function usableForMs(token: IssuedToken, now: number, { leewayMs }: FreshnessRule): number {
  const { expiresAt = Number.POSITIVE_INFINITY, lifetimeMs = Number.POSITIVE_INFINITY } = token
  return expiresAt - now - Math.min(leewayMs, lifetimeMs * LEEWAY_SHARE)
}

/** Between 0.75 and 1, the same for a grant everywhere: grants that were made together are not refreshed together. */
function jitter(id: string): number {
  return 0.75 + (createHash('sha256').update(id).digest().readUInt8() / 255) * 0.25
}
