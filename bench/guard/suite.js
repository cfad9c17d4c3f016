import assert from 'node:assert/strict'
import { USER } from '../support/fixtures.js'

const LATCHKEY_REDIS = 'latchkey, sessions in Redis'
const LATCHKEY_CACHED = 'latchkey, sessions in Redis, cached for 1 s'
const LATCHKEY_MEMORY = 'latchkey, sessions in memory'
const LATCHKEY_PIPELINING = 'latchkey, sessions in Redis, enableAutoPipelining'
const LATCHKEY_PLAIN = 'latchkey, sessions in Redis, without createServer'
const EXPRESS_SESSION = 'express-session + connect-redis, reading the session'
const OPENID_CONNECT = 'express-openid-connect, session in its cookie'
const AUTH_JS = '@auth/express, session in its cookie'
const EXPRESS = 'Express, empty route'
const NODE_HTTP = 'node:http, empty handler'

const CASE = 'JSON of two claims'

/** A guarded route that answers with two claims as JSON. */
export const suite = {
  name: 'guard',
  title: 'Guard',
  packages: ['express', 'express-session', 'connect-redis', 'ioredis', 'express-openid-connect', '@auth/express'],
  contenders: [
    { name: LATCHKEY_REDIS, file: 'guard/latchkey.js', isGuarded: true, sessions: 'redis' },
    { name: LATCHKEY_CACHED, file: 'guard/latchkey.js', isGuarded: true, sessions: 'redis', cacheMs: 1_000 },
    { name: LATCHKEY_MEMORY, file: 'guard/latchkey.js', isGuarded: true },
    { name: LATCHKEY_PIPELINING, file: 'guard/latchkey.js', isGuarded: true, sessions: 'redis', isPipelining: true },
    { name: LATCHKEY_PLAIN, file: 'guard/latchkey.js', isGuarded: true, sessions: 'redis', isPlain: true },
    { name: EXPRESS_SESSION, file: 'guard/express-session.js', isGuarded: true },
    { name: OPENID_CONNECT, file: 'guard/express-openid-connect.js', isGuarded: true },
    {
      name: AUTH_JS,
      file: 'guard/auth-express.js',
      isGuarded: true,
      callbackPath: '/auth/callback/bench',
      sessionCookie: 'authjs.session-token',
    },
    { name: EXPRESS, file: 'guard/empty-express.js' },
    { name: NODE_HTTP, file: 'guard/empty-node-http.js' },
  ],
  cases: [{ title: CASE, path: '/me', connections: 32, check: isTheUser }],
  comparisons: [
    [LATCHKEY_REDIS, EXPRESS_SESSION],
    [LATCHKEY_CACHED, EXPRESS_SESSION],
    [LATCHKEY_MEMORY, EXPRESS_SESSION],
    [LATCHKEY_PLAIN, EXPRESS_SESSION],
    [LATCHKEY_PIPELINING, LATCHKEY_REDIS],
    [LATCHKEY_REDIS, OPENID_CONNECT],
    [LATCHKEY_REDIS, AUTH_JS],
    [LATCHKEY_MEMORY, EXPRESS],
  ],
  targets: [
    { id: 'G1', one: LATCHKEY_REDIS, other: EXPRESS_SESSION, figure: 'perSecond', must: 2.5, aim: 4 },
    { id: 'G1', one: LATCHKEY_REDIS, other: EXPRESS_SESSION, figure: 'cpuPerRequest', must: 0.45, aim: 0.28 },
    { id: 'G2', one: LATCHKEY_CACHED, other: EXPRESS_SESSION, figure: 'perSecond', must: 2.7, aim: 4.7 },
    { id: 'G2', one: LATCHKEY_CACHED, other: EXPRESS_SESSION, figure: 'cpuPerRequest', must: 0.4, aim: 0.22 },
    { id: 'G3', one: LATCHKEY_REDIS, other: OPENID_CONNECT, figure: 'perSecond', must: 3, aim: 5 },
    { id: 'G3', one: LATCHKEY_REDIS, other: AUTH_JS, figure: 'perSecond', must: 9, aim: 15 },
  ].map((target) => ({ case: CASE, ...target })),
  chart: {
    title: 'A guarded route',
    case: CASE,
    reference: EXPRESS_SESSION,
    leftOut: [LATCHKEY_PIPELINING, NODE_HTTP],
  },
}

async function isTheUser(response) {
  assert.deepEqual(await response.json(), USER)
}
