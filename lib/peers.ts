import type { Runtime } from './runtime.ts'

/**
 * What one process keeps in its memory the others do not have: users are signed out at random, and two processes present one refresh
 * token. Nothing else would say so before it happens.
 */
export function warnOfPeers(
  runtime: Runtime,
  inMemory: { readonly sessions: boolean; readonly grants: boolean },
): void {
  const kept = [inMemory.sessions && 'sessions', inMemory.grants && 'grants'].filter((what) => what !== false)
  const sign = kept.length > 0 ? runtime.peers?.() : undefined
  if (sign === undefined) return
  const remedies = [
    inMemory.sessions && '"session.store": new RedisStore({ client: redis }) from connect-redis',
    inMemory.grants && '"grants": redisGrants(redis) from latchkey/redis',
  ].filter((remedy) => remedy !== false)
  runtime.warn?.(
    `This process is one of several (${sign}), and keeps ${kept.join(' and ')} in its own memory: users will be signed out at random, ` +
      `and refresh tokens presented twice. Set ${remedies.join(', and ')}.`,
  )
}
