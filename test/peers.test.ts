import { describe, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import request from 'supertest'
import { latchkey, type LatchkeyOptions } from '../lib/index.ts'
import { oidc } from '../lib/providers/index.ts'
import { redisGrants } from '../lib/redis.ts'
import { signOfPeers } from '../lib/runtime.ts'
import { TestClock } from './support/clock.ts'

class Cluster extends TestClock {
  readonly warnings: string[] = []
  readonly #sign: string | undefined

  constructor(sign: string | undefined) {
    super()
    this.#sign = sign
  }

  peers(): string | undefined {
    return this.#sign
  }

  warn(message: string): void {
    this.warnings.push(message)
  }
}

/** Any store but the two that keep sessions in memory. */
class SharedStore extends session.Store {
  readonly #inner = new session.MemoryStore()
  override get = this.#inner.get.bind(this.#inner)
  override set = this.#inner.set.bind(this.#inner)
  override destroy = this.#inner.destroy.bind(this.#inner)
}

const SECRET = 'a secret for tests, and for tests alone'
/** Nobody signs in here, so that it is never asked. */
const SHARED_GRANTS = redisGrants({ evalsha: neverAsked, eval: neverAsked })

function neverAsked(): Promise<never> {
  throw new Error('nobody should have asked')
}

async function warningsOf(
  options: Partial<LatchkeyOptions>,
  sign: string | undefined,
  own?: session.Store,
): Promise<string[]> {
  const cluster = new Cluster(sign)
  const provider = oidc({ issuer: 'http://127.0.0.1:9', clientId: 'c' })
  const app = express()
  if (own !== undefined) app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, store: own }))
  app.use(latchkey({ baseUrl: 'http://localhost:3000', provider, secret: SECRET, ...options }, cluster))
  app.get('/', (_req, res) => void res.end())
  await request(app).get('/')
  await request(app).get('/')
  return cluster.warnings
}

describe('one of several processes', () => {
  test('that keeps sessions and grants in its memory is warned about, once, with the remedy', async () => {
    const warnings = await warningsOf({}, 'NODE_APP_INSTANCE is 2')

    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('one of several (NODE_APP_INSTANCE is 2), and keeps sessions and grants')
    expect(warnings[0]).toContain('redisGrants(redis)')
    expect(warnings[0]).toContain('connect-redis')
  })

  test('is warned about what is in memory only', async () => {
    const sessions = await warningsOf({ grants: SHARED_GRANTS }, 'PM2')
    const grants = await warningsOf({ session: { store: new SharedStore() } }, 'PM2')

    expect(sessions[0]).toContain('keeps sessions in')
    expect(sessions[0]).not.toContain('redisGrants')
    expect(grants[0]).toContain('keeps grants in')
    expect(grants[0]).not.toContain('connect-redis')
  })

  test("is judged by the application's own session where it has one", async () => {
    const grants = SHARED_GRANTS

    expect(await warningsOf({ grants }, 'PM2', new SharedStore())).toEqual([])
    expect(await warningsOf({ grants }, 'PM2', new session.MemoryStore())).toHaveLength(1)
  })

  test('is nothing to warn about with shared stores, nor is a process alone with its memory', async () => {
    expect(await warningsOf({ grants: SHARED_GRANTS, session: { store: new SharedStore() } }, 'PM2')).toEqual([])
    expect(await warningsOf({}, undefined)).toEqual([])
  })
})

describe('what says that there are other processes', () => {
  test.each<[string, NodeJS.ProcessEnv, boolean, boolean]>([
    ['nothing', {}, false, false],
    ['a worker of node:cluster', {}, true, true],
    ['a second instance', { NODE_APP_INSTANCE: '1' }, false, true],
    ['a first instance, which may be the only one', { NODE_APP_INSTANCE: '0' }, false, false],
    ['PM2 with several instances', { pm_id: '0', NODE_APP_INSTANCE: '0', instances: '4' }, true, true],
    ['PM2 with one, which it runs as a worker', { pm_id: '0', NODE_APP_INSTANCE: '0', instances: '1' }, true, false],
    ['a variable that is no number', { NODE_APP_INSTANCE: 'blue' }, false, false],
  ])('%s', (_what, environment, isWorker, expected) => {
    expect(signOfPeers(environment, isWorker) !== undefined).toBe(expected)
  })
})
