import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { redisGrants } from '../../lib/redis.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Browser } from '../support/browser.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'

describe('an index of grants that somebody else has written to', () => {
  let server: RedisServer
  let redis: Redis
  let site: TestApp
  const browsers: Browser[] = []

  beforeEach(async () => {
    server = await startRedis()
    redis = new Redis(server.port)
    site = await startTestApp({ options: () => ({ grants: redisGrants(redis) }) })
  })
  afterEach(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.close()))
    await site.close()
    redis.disconnect()
    await server.close()
  })

  const signedIn = async (login: string): Promise<void> => void browsers.push(await site.signedIn(login))
  const indexOf = async (kind: string): Promise<string> => {
    const keys = await redis.keys(`latchkey:${kind}:{*}`)
    return keys.find((key) => key.endsWith('}')) ?? ''
  }

  test("gives nobody another end-user's tokens, and ends nobody else's sign-in", async () => {
    await signedIn('alice')
    const ofAlice = await indexOf('subject')
    await signedIn('bob')
    const ids = (await redis.keys('latchkey:grant:*')).map((key) => /\{(.*)\}/.exec(key)?.[1] ?? '')
    for (const id of ids) await redis.zadd(ofAlice, Date.now() * 2_000, id)
    const alice = site.auth.grants.forSubject('alice')

    const listed = await alice.list()
    await alice.accessToken()
    await alice.revoke()

    expect(ids).toHaveLength(2)
    expect(listed).toHaveLength(1)
    await expect(site.auth.grants.forSubject('bob').accessToken()).resolves.toBeTruthy()
    await expect(alice.accessToken()).rejects.toMatchObject({ code: 'ERR_AUTH_REQUIRED' })
  })

  test('and a record that cannot be read hides no other sign-in from a job', async () => {
    await signedIn('alice')
    const [first = ''] = await redis.keys('latchkey:grant:*')
    await signedIn('alice')
    const second = (await redis.keys('latchkey:grant:*')).find((key) => key !== first) ?? ''
    await redis.hset(second, 'sealed', 'not what was sealed')
    const alice = site.auth.grants.forSubject('alice')

    await expect(alice.accessToken()).resolves.toBeTruthy()
    expect(await alice.list()).toHaveLength(1)
  })

  test.each([undefined, '', 7])('a subject that is none (%p) is a mistake of the application', (subject) => {
    expect(() => site.auth.grants.forSubject(subject as string)).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTIONS' }),
    )
  })
})
