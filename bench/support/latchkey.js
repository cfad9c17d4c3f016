import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { redisGrants } from '../../dist/redis.js'
import { RedisStore } from 'connect-redis'
import { Redis } from 'ioredis'
import { baseUrl, given, listen, open } from './contender.js'
import { CLIENT, SECRET } from './fixtures.js'

/** Sessions and grants in memory, or in Redis where the suite says so, with caches where it says for how long; all else as it comes. */
export function startLatchkey() {
  const { sessions, grants, cacheMs = 0, isPipelining = false, redisPort } = given
  // One client for both, as an application would have it.
  const redis =
    sessions === 'redis'
      ? new Redis({ host: '127.0.0.1', port: redisPort, enableAutoPipelining: isPipelining })
      : undefined
  return latchkey({
    baseUrl,
    provider: oidc({ issuer: given.issuer, ...CLIENT, scope: 'openid profile email' }),
    secret: SECRET,
    ...(redis !== undefined && { session: { store: new RedisStore({ client: redis }), cacheMs } }),
    ...(grants === 'redis' && { grants: redisGrants(redis), refresh: { cacheMs } }),
  })
}

/** On latchkey's own server, or with `isPlain` on the one that `app.listen()` would make. */
export function serve(auth, app) {
  return given.isPlain ? listen(app) : open(auth.createServer(app))
}
