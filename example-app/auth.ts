import { randomBytes } from 'node:crypto'
import { RedisStore } from 'connect-redis'
import type { Cluster, Redis } from 'ioredis'
import { latchkey, type AuthEvent, type Latchkey } from 'latchkey'
import type { Provider } from 'latchkey/providers'
import { redisGrants } from 'latchkey/redis'

export interface AuthSettings {
  /** The public origin. */
  readonly baseUrl: string
  /** One provider, or several by their keys. */
  readonly signInAt: { readonly provider: Provider } | { readonly providers: Readonly<Record<string, Provider>> }
  /** Absent: a new one for each start, so that sessions end with the process. Here they do anyway: they are in its memory. */
  readonly sessionSecret: string | undefined
  /** Absent: sessions and grants are in memory. */
  readonly redis: Redis | Cluster | undefined
}

export function createAuth({ baseUrl, signInAt, sessionSecret, redis }: AuthSettings): Latchkey {
  return latchkey({
    baseUrl,
    ...signInAt,
    secret: sessionSecret ?? randomBytes(32).toString('base64url'),
    loginParameters: ['prompt', 'login_hint', 'ui_locales', 'acr_values', 'max_age'],
    onEvent: logEvent,
    ...(redis !== undefined && { session: { store: new RedisStore({ client: redis }) }, grants: redisGrants(redis) }),
  })
}

/** Events hold no secrets, and messages of errors no more than is needed to find the fault. */
function logEvent(event: AuthEvent): void {
  switch (event.type) {
    case 'sign-in':
    case 'sign-out':
      return console.log(`${event.type} of ${event.subject ?? 'somebody'}`)
    case 'connect':
    case 'disconnect':
      return console.log(`${event.type} of ${event.provider} by ${event.subject ?? 'somebody'}`)
    case 'refresh':
      return console.log(
        `refresh of generation ${event.generation}: ${event.result}, ${Math.round(event.durationMs)} ms`,
      )
    case 'logout-token-refused':
      return console.warn(`logout token refused: ${event.flaw}`)
    case 'grant-ended':
      return console.log(`grant ended: ${event.why}`)
    case 'revocation-failed':
      return console.error(`revocation failed: ${event.cause.message}`)
    case 'target-down':
      return console.warn(`${event.target} cannot be connected to: ${event.cause.message}`)
    case 'target-up':
      return console.log(`${event.target} can be connected to again`)
    case 'error':
      return console.error(`${event.code} at ${event.route}: ${event.error.message}`)
    default:
      return event satisfies never
  }
}
