import { Redis } from 'ioredis'
import { latchkey } from '../../dist/index.js'
import { oidc } from '../../dist/providers/index.js'
import { redisGrants } from '../../dist/redis.js'
import { given } from '../support/contender.js'
import { SECRET } from '../support/fixtures.js'
import { redisStore } from '../support/redis-sessions.js'
import { baseUrl, countVisit, newApp, SCOPE, serve } from './app.js'

const app = newApp()
const auth = latchkey({
  baseUrl,
  provider: oidc({ issuer: given.issuer, ...given.client, scope: SCOPE }),
  secret: SECRET,
  session: { store: redisStore() },
  grants: redisGrants(new Redis({ host: '127.0.0.1', port: given.redisPort })),
  refresh: given.refresh,
})
app.use(auth)
app.use(['/token', '/write'], auth.requireAuth())
serve(app, {
  read: async (req) => ({ sub: req.auth.user.sub, token: await req.auth.accessToken() }),
  write: (req) => countVisit(req.session),
  errors: auth.errorHandler,
})
