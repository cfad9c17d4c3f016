import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { bytes } from '../support/bytes.js'
import { nginx } from './nginx.js'

const LATCHKEY_MEMORY = 'latchkey, sessions in memory'
const LATCHKEY_REDIS = 'latchkey, sessions in Redis'
const RECIPE = 'express-session + connect-redis + http-proxy-middleware'
const MIDDLEWARE = 'http-proxy-middleware, no sign-in'
const REPLY_FROM = 'fastify + @fastify/reply-from, no sign-in'
const NGINX = 'nginx, no sign-in'

/** Answers of an upstream, through a guard that adds the user's access token, and through proxies without one. */
export const suite = {
  title: 'Proxy',
  packages: [
    'express',
    'express-session',
    'connect-redis',
    'ioredis',
    'http-proxy-middleware',
    'fastify',
    '@fastify/reply-from',
  ],
  contenders: [
    { name: LATCHKEY_MEMORY, file: 'proxy/latchkey.js', isGuarded: true },
    { name: LATCHKEY_REDIS, file: 'proxy/latchkey.js', isGuarded: true, sessions: 'redis' },
    { name: RECIPE, file: 'proxy/express-session-http-proxy-middleware.js', isGuarded: true },
    { name: MIDDLEWARE, file: 'proxy/http-proxy-middleware.js' },
    { name: REPLY_FROM, file: 'proxy/reply-from.js' },
    { name: NGINX, program: 'nginx', command: nginx },
  ],
  cases: [download('1 KB', 1024, 32), download('100 KB', 100 * 1024, 32), download('10 MB', 10 * 1024 * 1024, 8)],
  comparisons: [
    [LATCHKEY_REDIS, RECIPE],
    [LATCHKEY_MEMORY, MIDDLEWARE],
    [LATCHKEY_REDIS, MIDDLEWARE],
    [LATCHKEY_MEMORY, REPLY_FROM],
    [LATCHKEY_MEMORY, NGINX],
  ],
  /** Does the token arrive where it should? */
  async checkSignedIn({ origin, headers }) {
    const response = await fetch(`${origin}/api/headers`, { headers })
    const { authorization, cookie } = await response.json()
    assert.match(authorization, /^Bearer \S{43}$/)
    assert.equal(cookie, undefined, 'the session cookie reaches the upstream')
  },
}

function download(title, size, connections) {
  return {
    title,
    path: `/api/bytes/${size}`,
    connections,
    async check(response) {
      const body = Buffer.from(await response.arrayBuffer())
      assert.equal(sha256(body), sha256(bytes(size)), 'the body was changed on its way')
    },
  }
}

function sha256(body) {
  return createHash('sha256').update(body).digest('hex')
}
