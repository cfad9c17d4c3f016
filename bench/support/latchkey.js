import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { baseUrl, given } from './contender.js'
import { CLIENT, SECRET } from './fixtures.js'
import { redisStore } from './redis-sessions.js'

/** Sessions in memory, or in Redis where the suite says so; grants in memory; all else as it comes. */
export function startLatchkey() {
  return latchkey({
    baseUrl,
    provider: oidc({ issuer: given.issuer, ...CLIENT, scope: 'openid profile email' }),
    secret: SECRET,
    ...(given.sessions === 'redis' && { session: { store: redisStore() } }),
  })
}
