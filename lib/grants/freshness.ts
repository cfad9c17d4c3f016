import { createHash } from 'node:crypto'
import type { GrantState } from './grant.ts'

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

export function freshness(id: string, { tokens }: GrantState, now: number, rule: FreshnessRule): Freshness {
  if (tokens.expiresAt === undefined) return 'fresh'
  const lifetimeMs = tokens.lifetimeMs ?? Number.POSITIVE_INFINITY
  const leftMs = tokens.expiresAt - now
  if (leftMs <= Math.min(rule.leewayMs, lifetimeMs * LEEWAY_SHARE)) return 'expired'
  const softWindowMs = Math.min(rule.softWindowMs, lifetimeMs * SOFT_SHARE)
  return leftMs <= softWindowMs && leftMs <= softWindowMs * jitter(id) ? 'soft' : 'fresh'
}

/** Between 0.75 and 1, the same for a grant everywhere: grants that were made together are not refreshed together. */
function jitter(id: string): number {
  return 0.75 + (createHash('sha256').update(id).digest().readUInt8() / 255) * 0.25
}
