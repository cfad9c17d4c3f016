// What latchkey costs Redis, per request and per session, counted by Redis itself.
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Agent, request } from 'undici'
import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { signIn } from '../support/browser.js'
import { CLIENT, SECRET } from '../support/fixtures.js'
import { freePort, start, stopAll } from '../support/processes.js'
import { StrictServer } from '../support/strict-server-control.js'
import { RedisMeter } from './redis-meter.js'

const AT_ONCE = 12
const HOURS = 3_600

/** The option that keeps a token in the process for a moment, so that most requests need not ask Redis for it. */
const CACHE = { option: 'cacheMs', value: 1_000 }

/** @param signIns so many users sign in; @param repetitions so often is each request counted. */
export async function measureCapacity({ signIns, repetitions, log }) {
  const { apps, server, meter, redis } = await enter()
  const { main, cached, reading } = apps
  const dispatcher = new Agent()
  const get = (app, path) => async (session) =>
    answered(200, request(app.origin + path, { dispatcher, headers: { cookie: session } }))
  const cost = (name, sessions, action) => {
    log(`${name}, ${sessions.length} times`)
    return meter.cost(sessions.length, () => inParallel(sessions, action))
  }

  // Scripts are loaded at their first use, and connections opened.
  await server.set(CLIENT.clientId, { lifetimeSeconds: 1 })
  const first = await signInAt(main, 1)
  await sleep(2_000)
  for (const path of ['/token', '/api/bytes/1024']) await inParallel(first, get(main, path))
  await inParallel(first, signOutAt(main))
  await server.set(CLIENT.clientId, { lifetimeSeconds: 12 * HOURS })
  await redis.flushall()
  const usedBefore = await meter.usedMemory()
  log(`${signIns} sign-ins`)
  const sessions = await signInAt(main, signIns)
  const usedPerSignIn = ((await meter.usedMemory()) - usedBefore) / signIns
  const records = await meter.records(kindOf(redis), 1_000)

  const some = sessions.slice(0, repetitions)
  const readers = await signInAt(reading, repetitions)
  const costs = {
    reading: await cost('reading the session', readers, get(reading, '/me')),
    guarded: await cost('a guarded request', some, get(main, '/me')),
    token: await cost('a request for the token', some, get(main, '/token')),
    proxied: await cost('a proxied request', some, get(main, '/api/bytes/1024')),
  }
  if (cached !== undefined) {
    // The first fills the cache, the second is the one to count.
    const once = get(cached, '/token')
    const twice = async (session) => once(session).then(() => once(session))
    const both = await meter.cost(some.length, async () => {
      await sleep(CACHE.value * 1.2)
      await inParallel(some, twice)
    })
    costs.cached = difference(both, costs.token)
  }
  costs.signIn = await cost('a sign-in', Array(repetitions).fill(main.origin), signIn)

  // Each of the two runs of an action needs sessions of its own here: what has been refreshed, or has signed out, is that.
  const leaving = [await signInAt(main, repetitions), await signInAt(main, repetitions)]
  costs.signOut = await meter.cost(repetitions, () => inParallel(leaving.pop(), signOutAt(main)))
  const tombstones = await meter.records(kindOf(redis), 1_000)

  await server.set(CLIENT.clientId, { lifetimeSeconds: 2 })
  const expiring = [await signInAt(main, repetitions), await signInAt(main, repetitions)]
  await sleep(3_000)
  await server.set(CLIENT.clientId, { lifetimeSeconds: 12 * HOURS })
  const refreshing = await meter.cost(repetitions, () => inParallel(expiring.pop(), get(main, '/token')))
  costs.refresh = difference(refreshing, costs.token)

  await dispatcher.close()
  redis.disconnect()
  await stopAll()
  demandFastPath(costs)
  return { costs, records, tombstone: tombstones.get('tombstone'), usedPerSignIn, signIns, repetitions, cache: CACHE }
}

/** The promise: at most one round trip beyond what the session costs anyway, and none with the local cache. */
function demandFastPath({ reading, guarded, token, proxied, cached }) {
  const allowed = [[guarded, 0, 'a guarded request'], [token, 1, 'a request for the token'], [proxied, 1, 'a proxied request'], [cached, 0, 'a request with the local cache']] // prettier-ignore
  for (const [cost, more, name] of allowed) {
    if (cost === undefined || cost.roundTrips <= reading.roundTrips + more + 0.01) continue
    throw new Error(
      `${name} takes ${cost.roundTrips} round trips to Redis; reading the session alone ${reading.roundTrips}`,
    )
  }
}

async function enter() {
  const [redisPort, upstreamPort] = [await freePort(), await freePort()]
  const redisCommand = [
    'redis-server',
    '--bind',
    '127.0.0.1',
    '--port',
    String(redisPort),
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  await start(redisCommand, { port: redisPort, core: 'others' })
  const upstreamEnv = { BENCH: JSON.stringify({ port: upstreamPort }) }
  await start([process.execPath, 'support/upstream.js'], { port: upstreamPort, core: 'others', env: upstreamEnv })
  const ports = { main: await freePort(), cached: await freePort(), reading: await freePort() }
  const redirectUris = Object.values(ports).map((port) => `http://127.0.0.1:${port}/callback`)
  const server = await StrictServer.start({ [CLIENT.clientId]: redirectUris })
  const given = { issuer: server.issuer, client: CLIENT, redisPort, upstream: `http://127.0.0.1:${upstreamPort}` }

  async function app(port, file, refresh) {
    const env = { BENCH: JSON.stringify({ ...given, port, refresh }) }
    await start([process.execPath, file], { port, core: 'contender', env })
    return { origin: `http://127.0.0.1:${port}` }
  }
  const apps = {
    main: await app(ports.main, 'capacity/latchkey.js'),
    reading: await app(ports.reading, 'guard/express-session.js'),
    cached: hasCache() ? await app(ports.cached, 'capacity/latchkey.js', { [CACHE.option]: CACHE.value }) : undefined,
  }
  const redis = new Redis({ host: '127.0.0.1', port: redisPort })
  return { apps, server, redis, meter: new RedisMeter(redis) }
}

/** Does this version know the option? */
function hasCache() {
  const provider = oidc({ issuer: 'https://id.example', clientId: 'bench' })
  try {
    latchkey({ baseUrl: 'https://app.example', provider, secret: SECRET, refresh: { [CACHE.option]: CACHE.value } })
    return true
  } catch {
    return false
  }
}

function kindOf(redis) {
  return async (key) => {
    if (key.startsWith('latchkey:grant:')) return (await redis.hexists(key, 'dead')) === 1 ? 'tombstone' : 'grant'
    if (!key.startsWith('sess:')) return 'index'
    const session = await redis.get(key)
    if (session === null) return undefined // what is left behind at a sign-in lives for a minute
    return session.includes('"account"') ? 'session' : 'left session'
  }
}

async function signInAt({ origin }, count) {
  const sessions = []
  await inParallel(Array(count).fill(origin), async () => sessions.push(await signIn(origin)))
  return sessions
}

function signOutAt({ origin }) {
  return async (cookie) => answered(303, request(`${origin}/logout`, { method: 'POST', headers: { cookie, origin } }))
}

async function inParallel(items, action) {
  const left = [...items]
  const work = async () => {
    while (left.length > 0) await action(left.pop())
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function answered(expected, sent) {
  const { statusCode, body } = await sent
  await body.dump()
  if (statusCode !== expected) throw new Error(`status ${statusCode} instead of ${expected}`)
}

function difference(one, other) {
  const keys = ['roundTrips', 'inside', 'bytesIn', 'bytesOut', 'cpuMicroseconds']
  return { names: one.names, ...Object.fromEntries(keys.map((key) => [key, one[key] - other[key]])) }
}
