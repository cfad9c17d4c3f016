import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { RedisStore } from 'connect-redis'
import express from 'express'
import { Redis } from 'ioredis'
import { latchkey } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { redisGrants } from '../../lib/redis.ts'
import { CLIENT } from './client.ts'
import { FaultPoints, type Fault } from './fault-points.ts'

/** One process of an application, as README.md says to deploy it; and it can be told where to die. */

export interface WorkerSettings {
  readonly name: string
  readonly redisPort: number
  readonly issuer: string
  readonly refresh: { readonly deadlineMs: number; readonly leaseMs: number; readonly waitMs: number }
  readonly commandTimeoutMs: number
}

const { name, redisPort, issuer, refresh, commandTimeoutMs } = JSON.parse(process.argv[2] ?? '') as WorkerSettings
const faults = new FaultPoints(refresh.leaseMs)

const redis = new Redis(redisPort, { commandTimeout: commandTimeoutMs })
redis.on('error', () => {}) // it connects again by itself
const auth = latchkey(
  {
    baseUrl: new URL(CLIENT.redirectUri).origin,
    provider: oidc({ issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, scope: 'openid' }),
    secret: 'a secret that all processes of the application share',
    session: { store: new RedisStore({ client: redis }) },
    grants: faults.store(redisGrants(redis)),
    loginParameters: ['login_hint'],
    refresh,
  },
  faults.runtime(name),
)

const app = express()
app.use(auth)
app.get('/token', async (req, res) => {
  const token = await req.auth.accessToken()
  res.json({ token, at: Date.now() })
})
app.get('/resource', async (req, res) => {
  const answer = await req.auth.fetch(`${issuer}/resource`)
  res.status(answer.status).json(await answer.json())
})
app.post('/regenerate', async (req, res) => {
  const { latchkey: corner } = req.session
  await promisify<void>((done) => req.session.regenerate(done))()
  if (corner !== undefined) req.session.latchkey = corner
  res.json({})
})
app.use(auth.errorHandler)

await auth.ready()
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.once('SIGTERM', () => {
  server.close(() => {
    void auth.close().then(() => process.exit())
  })
  server.closeIdleConnections()
})
process.on('message', (fault: Fault) => {
  faults.arm(fault)
  process.send?.({ armed: fault.point })
})
process.on('disconnect', () => process.exit())
