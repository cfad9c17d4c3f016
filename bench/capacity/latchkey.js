import { Redis } from 'ioredis'
import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { redisGrants } from '../../dist/redis.js'
import { baseUrl, given, listen } from '../support/contender.js'
import { SECRET } from '../support/fixtures.js'
import { redisStore } from '../support/redis-sessions.js'
import express from 'express'

const app = express()
const auth = latchkey({
  baseUrl,
  provider: oidc({ issuer: given.issuer, ...given.client, scope: 'openid profile email offline_access' }),
  secret: SECRET,
  session: { store: redisStore() },
  grants: redisGrants(new Redis({ host: '127.0.0.1', port: given.redisPort })),
  refresh: given.refresh,
})
app.use(auth)
app.get('/me', auth.requireAuth(), (req, res) => {
  const { sub, name } = req.auth.user
  res.json({ sub, name })
})
app.get('/token', auth.requireAuth(), async (req, res) => res.json({ token: await req.auth.accessToken() }))
app.use('/api', auth.requireAuth(), auth.proxy(given.upstream))
app.use(auth.errorHandler)
listen(app)
