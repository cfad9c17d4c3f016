import * as z from 'zod'
import { positive, readOptions, text, type Same, type Say } from '../option-reader.ts'
import type { GrantStoreFactory } from './grant-store.ts'
import type { RedisClient } from './redis-client.ts'
import { RedisGrantStore } from './redis-grant-store.ts'

export interface RedisGrantsOptions {
  /** Before every key. Default `latchkey:`. */
  prefix?: string | undefined
  /** A grant that was not refreshed for so long is forgotten. Milliseconds, default 30 days. */
  retentionMs?: number | undefined
  /** A tombstone lives so long; more than three leases. Milliseconds, default 10 minutes. */
  tombstoneMs?: number | undefined
  /** For a Redis with replicas that can take its place; see {@link WaitForReplicas}. Default: none are waited for. */
  waitForReplicas?: WaitForReplicas | undefined
}

/**
 * Before a refresh token is used, and before a refreshed one counts as stored, so many replicas must have acknowledged the write (`WAIT`):
 * a fail-over to one of them loses nothing then. If they do not, nothing is refreshed. While Redis waits it answers nothing else on the
 * same connection: give the grants a client of their own. Not for a Cluster, whose client cannot aim it.
 */
export interface WaitForReplicas {
  count: number
  timeoutMs: number
}

const schema = z.strictObject({
  prefix: text().optional(),
  retentionMs: positive('milliseconds').optional(),
  tombstoneMs: positive('milliseconds').optional(),
  waitForReplicas: z.strictObject({ count: positive('replicas'), timeoutMs: positive('milliseconds') }).optional(),
})

const documented: Same<z.input<typeof schema>, RedisGrantsOptions> = true
void documented

/**
 * Grants in Redis (6.2 or later) or Valkey, shared by any number of processes. The tokens are sealed with keys derived from the
 * application's `secret` and bound to the grant's id; what an operator may look at is in clear.
 *
 * @param redis the application's own client, which it opens and closes.
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong and what it must be.
 */
export function redisGrants(redis: RedisClient, options: RedisGrantsOptions = {}): GrantStoreFactory {
  const compare = ({ prefix: given, waitForReplicas }: Readonly<Record<string, unknown>>, say: Say): void => {
    // The part of a key in braces decides its slot.
    if (typeof given === 'string' && /[{}]/.test(given)) say('prefix', 'must not contain braces')
    if (waitForReplicas === undefined) return
    if (redis.isCluster === true) say('waitForReplicas', 'cannot be used with a Cluster')
    else if (redis.wait === undefined) say('waitForReplicas', 'needs a client that has wait()')
  }
  const {
    prefix = 'latchkey:',
    retentionMs = 30 * 24 * 60 * 60_000,
    tombstoneMs = 10 * 60_000,
    waitForReplicas,
  } = readOptions(schema, options, 'redisGrants()', compare)
  return (context) => new RedisGrantStore(redis, { prefix, retentionMs, tombstoneMs, waitForReplicas }, context)
}
