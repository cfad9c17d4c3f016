// The application under test: everything on, sessions and grants in Redis. Says what it holds when it is asked.
import express from 'express'
import { Redis } from 'ioredis'
import { RedisStore } from 'connect-redis'
import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { redisGrants } from '../../dist/redis.js'
import { given } from '../support/contender.js'
import { SECRET } from '../support/fixtures.js'

const redis = new Redis({ port: given.redisPort, host: '127.0.0.1', commandTimeout: 1_000 })
redis.on('error', () => {}) // it is stopped on purpose

const app = express()
const auth = latchkey({
  baseUrl: given.baseUrl,
  provider: oidc({ issuer: given.issuer, ...given.client, scope: 'openid profile email offline_access' }),
  secret: SECRET,
  session: { store: new RedisStore({ client: redis }), cookie: { maxAge: 3_600_000 } },
  grants: redisGrants(redis),
  afterLogout: '/',
})
app.get('/', (_req, res) => res.send('here'))
app.use(auth)
app.get('/me', auth.requireAuth(), (req, res) => res.json({ sub: req.auth.user.sub }))
app.get('/write', auth.requireAuth(), (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1
  res.json({ visits: req.session.visits })
})
app.use('/api', auth.requireAuth(), auth.proxy(given.upstream))
app.use(auth.errorHandler)
const server = auth.createServer(app).listen({ port: given.port, host: '127.0.0.1', backlog: 4_096 })

process.on('message', () => {
  // Twice: what a finalizer lets go of is freed by the next one.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, rss, external } = process.memoryUsage()
  const resources = {}
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1
  server.getConnections((_error, connections) => process.send({ heapUsed, rss, external, connections, resources }))
})
process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  void auth.close().then(() => process.exit(0))
})
