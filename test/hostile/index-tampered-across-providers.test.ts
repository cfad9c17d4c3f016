import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { redisGrants } from '../../lib/redis.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { severalSites } from '../support/several-site.ts'

const startSite = severalSites()
let server: RedisServer
let redis: Redis
beforeEach(async () => {
  server = await startRedis()
  redis = new Redis(server.port)
})
afterEach(async () => {
  redis.disconnect()
  await server.close()
})

test('an index that somebody else has written to gives nobody the tokens of who is called the same at another provider', async () => {
  const site = await startSite({
    options: (provider) => ({
      grants: redisGrants(redis),
      providers: { work: provider('work'), partner: provider('partner') },
    }),
  })
  for (const key of ['work', 'partner']) site.server(key).script = { claims: { sub: 'alice' } }
  await site.signedIn('work')
  const index = (await redis.keys('latchkey:subject:{*}')).find((key) => key.endsWith('}')) ?? ''
  await site.signedIn('partner')
  const ids = (await redis.keys('latchkey:grant:*')).map((key) => /\{(.*)\}/.exec(key)?.[1] ?? '')
  const [ofWork = ''] = await redis.zrange(index, '0', '-1')
  for (const id of ids.filter((one) => one !== ofWork)) await redis.zadd(index, Date.now() * 2_000, id)
  const alice = site.auth.grants.forSubject('alice', { provider: 'work' })

  const token = await alice.accessToken()

  expect(site.server('work').secrets).toContain(token)
  expect(await alice.list()).toHaveLength(1)
})
