// Sessions in Redis as an application would have them: connect-redis on ioredis, both with their defaults.
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import { given } from './contender.js'
import { SECRET } from './fixtures.js'

export function redisStore() {
  return new RedisStore({ client: new Redis({ host: '127.0.0.1', port: given.redisPort }) })
}

/** express-session as its documentation recommends it. */
export function redisSession() {
  return session({ store: redisStore(), secret: SECRET, resave: false, saveUninitialized: false })
}
