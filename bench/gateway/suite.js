import assert from 'node:assert/strict'
import { download } from '../support/bodies.js'
import { apache, hasOpenidc } from './apache.js'

const LATCHKEY_REDIS = 'latchkey, sessions and grants in Redis'
const LATCHKEY_CACHED = 'latchkey, sessions and grants in Redis, cached for 1 s'
const LATCHKEY_MEMORY = 'latchkey, sessions and grants in memory'
const OPENID_CONNECT = 'express-openid-connect + http-proxy-middleware'
const EXPRESS_SESSION = 'express-session + connect-redis + http-proxy-middleware'
const APACHE = 'apache2, mod_auth_openidc + mod_proxy'

const CASE = '1 KB'

/** The answer of an upstream, through a guard and a proxy that adds the user's access token. */
export const suite = {
  name: 'gateway',
  title: 'Gateway',
  packages: [
    'express',
    'express-session',
    'connect-redis',
    'ioredis',
    'express-openid-connect',
    'http-proxy-middleware',
  ],
  contenders: [
    { name: LATCHKEY_REDIS, file: 'gateway/latchkey.js', isGuarded: true, sessions: 'redis', grants: 'redis' },
    {
      name: LATCHKEY_CACHED,
      file: 'gateway/latchkey.js',
      isGuarded: true,
      sessions: 'redis',
      grants: 'redis',
      cacheMs: 1_000,
    },
    { name: LATCHKEY_MEMORY, file: 'gateway/latchkey.js', isGuarded: true },
    { name: OPENID_CONNECT, file: 'gateway/express-openid-connect-http-proxy-middleware.js', isGuarded: true },
    { name: EXPRESS_SESSION, file: 'gateway/express-session-http-proxy-middleware.js', isGuarded: true },
    {
      name: APACHE,
      program: 'apache2',
      debian: 'apache2 libapache2-mod-auth-openidc',
      debianModule: 'libapache2-mod-auth-openidc',
      isInstalled: hasOpenidc,
      command: apache,
      isGuarded: true,
    },
  ],
  cases: [download(CASE, 1024, 32)],
  comparisons: [
    [LATCHKEY_REDIS, OPENID_CONNECT],
    [LATCHKEY_CACHED, OPENID_CONNECT],
    [LATCHKEY_MEMORY, OPENID_CONNECT],
    [LATCHKEY_REDIS, EXPRESS_SESSION],
    [LATCHKEY_REDIS, APACHE],
    [LATCHKEY_CACHED, APACHE],
    [LATCHKEY_MEMORY, APACHE],
  ],
  targets: [
    { id: 'W1', one: LATCHKEY_REDIS, other: OPENID_CONNECT, must: 2.5, aim: 4 },
    { id: 'W1', one: LATCHKEY_CACHED, other: OPENID_CONNECT, must: 2.5, aim: 4 },
    { id: 'W1', one: LATCHKEY_MEMORY, other: OPENID_CONNECT, must: 2.5, aim: 4 },
    { id: 'W2', one: LATCHKEY_REDIS, other: APACHE, must: 0.5, aim: 1 },
    { id: 'W2', one: LATCHKEY_CACHED, other: APACHE, must: 0.5, aim: 1 },
    { id: 'W2', one: LATCHKEY_MEMORY, other: APACHE, must: 0.5, aim: 1 },
  ].map((target) => ({ case: CASE, figure: 'perSecond', ...target })),
  chart: { title: 'Sign-in, token and proxy, 1 KB', case: CASE, reference: OPENID_CONNECT },
  /** Does the token arrive where it should? */
  async checkSignedIn({ origin, headers }) {
    const response = await fetch(`${origin}/api/headers`, { headers })
    const { authorization, cookie } = await response.json()
    assert.match(authorization, /^Bearer \S{43}$/)
    assert.equal(cookie, undefined, 'the session cookie reaches the upstream')
  },
}
