import assert from 'node:assert/strict'
import { USER } from '../support/fixtures.js'

const LATCHKEY_MEMORY = 'latchkey, sessions in memory'
const LATCHKEY_REDIS = 'latchkey, sessions in Redis'
const EXPRESS_SESSION = 'express-session + connect-redis, reading the session'
const OPENID_CONNECT = 'express-openid-connect, session in its cookie'
const EXPRESS = 'Express, empty route'
const NODE_HTTP = 'node:http, empty handler'

/** A guarded route that answers with two claims as JSON. */
export const suite = {
  title: 'Guard',
  packages: ['express', 'express-session', 'connect-redis', 'ioredis', 'express-openid-connect'],
  contenders: [
    { name: LATCHKEY_MEMORY, file: 'guard/latchkey.js', isGuarded: true },
    { name: LATCHKEY_REDIS, file: 'guard/latchkey.js', isGuarded: true, sessions: 'redis' },
    { name: EXPRESS_SESSION, file: 'guard/express-session.js', isGuarded: true },
    { name: OPENID_CONNECT, file: 'guard/express-openid-connect.js', isGuarded: true },
    { name: EXPRESS, file: 'guard/empty-express.js' },
    { name: NODE_HTTP, file: 'guard/empty-node-http.js' },
  ],
  cases: [{ title: 'JSON of two claims', path: '/me', connections: 32, check: isTheUser }],
  comparisons: [
    [LATCHKEY_REDIS, EXPRESS_SESSION],
    [LATCHKEY_MEMORY, EXPRESS_SESSION],
    [LATCHKEY_REDIS, OPENID_CONNECT],
    [LATCHKEY_MEMORY, OPENID_CONNECT],
    [LATCHKEY_MEMORY, EXPRESS],
  ],
}

async function isTheUser(response) {
  assert.deepEqual(await response.json(), USER)
}
