import * as z from 'zod'
import type { EngineSettings } from './grants/engine.ts'
import { defined, isRecord, positive, type Same, type Say } from './option-reader.ts'

export interface RefreshOptions {
  /** The server has this long to answer a refresh. Milliseconds, default 8,000. */
  deadlineMs?: number | undefined
  /** How long one refresh keeps all others out; at least a quarter longer than the deadline. Milliseconds, default 12,000. */
  leaseMs?: number | undefined
  /** A request waits at most so long for a token. Milliseconds, default 10,000. */
  waitMs?: number | undefined
  /** How long before expiry a token is refreshed in the background; at most a tenth of its lifetime. Milliseconds, default 60,000. */
  softWindowMs?: number | undefined
  /**
   * For how long a process may hand out a token again without asking the store whether the grant is still there; so long a sign-out in
   * another process may go unnoticed. Milliseconds, default 0.
   */
  cacheMs?: number | undefined
  /**
   * A grant store that has not answered after so long is away: 503. Milliseconds, default 2,000, or what `leaseMs` leaves beside `deadlineMs`
   * if that is less; more than that is refused.
   */
  storeTimeoutMs?: number | undefined
}

const milliseconds = positive('milliseconds')

const schema = z.strictObject({
  deadlineMs: milliseconds.optional(),
  leaseMs: milliseconds.optional(),
  waitMs: milliseconds.optional(),
  softWindowMs: milliseconds.optional(),
  cacheMs: z.int('must be a whole number of milliseconds').min(0, 'must not be negative').optional(),
  storeTimeoutMs: milliseconds.optional(),
})

const documented: Same<z.input<typeof schema>, RefreshOptions> = true
void documented

export const refreshSchema: z.ZodType<RefreshOptions, RefreshOptions> = schema

const DEFAULTS = { deadlineMs: 8_000, leaseMs: 12_000, waitMs: 10_000, softWindowMs: 60_000, cacheMs: 0 }

const STORE_TIMEOUT_MS = 2_000

/** What the way to the resource server, and a slow clock there, may take off a token's life. */
const LEEWAY_MS = 2_000

/** What the options mean, complete. */
export function readRefreshOptions(options: RefreshOptions = {}): EngineSettings {
  const settings = { ...DEFAULTS, ...defined(options) }
  const storeTimeoutMs = Math.min(STORE_TIMEOUT_MS, settings.leaseMs - settings.deadlineMs)
  return { storeTimeoutMs, ...settings, leewayMs: LEEWAY_MS }
}

/** Options that contradict each other, or the provider. */
export function compareRefresh(refresh: unknown, provider: unknown, say: Say): void {
  const {
    deadlineMs,
    leaseMs,
    storeTimeoutMs = 0,
  } = {
    ...DEFAULTS,
    ...(isRecord(refresh) ? defined<RefreshOptions>(refresh) : {}),
  }
  if (leaseMs < deadlineMs * 1.25) {
    say(
      'refresh.leaseMs',
      'must be at least a quarter longer than "refresh.deadlineMs", or two processes could redeem one refresh token',
    )
  } else if (storeTimeoutMs > leaseMs - deadlineMs) {
    say(
      'refresh.storeTimeoutMs',
      'must be at most what "refresh.leaseMs" is longer than "refresh.deadlineMs": a claim that took longer is too late to be used',
    )
  }
  const rotation = isRecord(provider) ? provider['rotation'] : undefined
  if (isRecord(rotation) && Number(rotation['graceMs']) <= leaseMs) {
    say(
      'refresh.leaseMs',
      'must be shorter than the time for which the provider accepts a spent refresh token, or an answer that was lost could not be asked for again',
    )
  }
}
