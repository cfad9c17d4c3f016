// The best lock in wide use, re-created with oauth2-proxy's figures: a lease of two seconds in Redis around the refresh, those who wait ask
// for it every 10 ms and read the session again when they have it; who waited for five seconds, or could not refresh, deletes the session.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { given } from '../support/contender.js'
import { countVisit, newApp, serve } from './app.js'
import { done, isExpired, mountRecipe, refresh } from './recipe.js'

const LEASE_MS = 2_000
const WAIT_MS = 5_000
const PAUSE_MS = 10
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end`

const redis = new Redis({ host: '127.0.0.1', port: given.redisPort })
const app = newApp()
mountRecipe(app)
serve(app, {
  async read(req) {
    if (isExpired(req.session.tokens)) await refreshAlone(req)
    const { user, tokens } = req.session
    return { sub: user.sub, token: tokens.accessToken }
  },
  write: (req) => countVisit(req.session),
})

async function refreshAlone(req) {
  const key = `lock:${req.sessionID}`
  const owner = randomUUID()
  try {
    await obtain(key, owner)
    try {
      await done((callback) => req.session.reload(callback))
      if (!isExpired(req.session.tokens)) return
      await refresh(req.session)
      await done((callback) => req.session.save(callback))
    } finally {
      await redis.eval(RELEASE, 1, key, owner)
    }
  } catch (error) {
    await done((callback) => req.session.destroy(callback))
    throw Object.assign(new Error('the session was removed', { cause: error }), { status: 401 })
  }
}

async function obtain(key, owner) {
  const until = performance.now() + WAIT_MS
  while ((await redis.set(key, owner, 'PX', LEASE_MS, 'NX')) === null) {
    if (performance.now() > until) throw new Error('timeout obtaining the session lock')
    await sleep(PAUSE_MS)
  }
}
