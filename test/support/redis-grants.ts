import { createHash } from 'node:crypto'
import type { GrantStore } from '../../lib/grants/grant-store.ts'
import { redisGrants, type RedisClient, type RedisGrantsOptions } from '../../lib/redis.ts'

export const SECRET = 'a secret for the grants of the tests'

export interface OpenOptions extends RedisGrantsOptions {
  secrets?: readonly [string, ...string[]]
  /** How far the clock of this process is ahead of that of its machine. */
  clockAheadMs?: number
}

/** The grant store as an application of its own has it. */
export function openGrants(client: RedisClient, options: OpenOptions = {}): GrantStore {
  const { secrets = [SECRET], clockAheadMs = 0, ...more } = options
  return redisGrants(client, more)({ secrets, now: () => Date.now() + clockAheadMs })
}

export function keyOf(id: string): string {
  return `latchkey:grant:{${id}}`
}

export function nameKeyOf(name: string): string {
  return `latchkey:name:{${hash(name)}}`
}

export function indexKeyOf(kind: 'subject' | 'sid', provider: string, value: string): string {
  return `latchkey:${kind}:{${hash(JSON.stringify([provider, value]))}}`
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
