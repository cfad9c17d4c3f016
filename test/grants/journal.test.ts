import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Engine } from '../../lib/grants/engine.ts'
import type { GrantState } from '../../lib/grants/grant.ts'
import type { CommitAnswer, GrantStore } from '../../lib/grants/grant-store.ts'
import { Journal } from '../../lib/grants/journal.ts'
import { memoryGrants } from '../../lib/index.ts'
import { TestClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

const LEASE_MS = 3_000
const TOKENS = { accessToken: 'a1', tokenType: 'Bearer', refreshToken: 'r1' }

describe('the journal of answers that could not be stored', () => {
  let clock: TestClock
  let grants: GrantStore
  let journal: Journal
  /** Grants whose part of the store is away, as one shard of a Cluster may be. */
  let away: Set<string>
  let told: string[]

  beforeEach(async () => {
    clock = new TestClock()
    grants = memoryGrants({ now: () => clock.now() })
    away = new Set()
    told = []
    const store: GrantStore = Object.assign(Object.create(grants) as GrantStore, {
      commit: async (id: string, request: Parameters<GrantStore['commit']>[1]): Promise<CommitAnswer> => {
        if (away.has(id)) throw new Error('connection refused')
        return grants.commit(id, request)
      },
    })
    const settings = { waitMs: 1_000, deadlineMs: 1, leaseMs: LEASE_MS, cacheMs: 0, storeTimeoutMs: 1_000, softWindowMs: 1, leewayMs: 1 } // prettier-ignore
    journal = new Journal({ store, settings, runtime: clock, tell: () => {} } as unknown as Engine)
    for (const id of ['one', 'two']) await grants.create(id, { provider: 'main', subject: 'alice' }, TOKENS)
  })

  async function hold(id: string): Promise<void> {
    const found = await grants.read(id)
    if (found.kind !== 'live') throw new Error('not there')
    const tokens = { ...TOKENS, accessToken: 'a2' }
    const state: GrantState = { ...found.state, generation: 2, tokens }
    journal.hold(id, {
      state,
      request: { generation: 1, tokens, verified: true },
      since: clock.monotonic(),
      stored: async ({ kind }) => void told.push(`${id} ${kind}`),
      end: async () => void told.push(`${id} ended`),
      lost: () => void told.push(`${id} lost`),
    })
  }

  test('one whose part of the store is away does not keep the others from being stored', async () => {
    away.add('one')
    await hold('one')
    await hold('two')

    await until(() => told.length > 0, 'the other')

    expect(told).toEqual(['two committed'])
    expect(journal.size).toBe(1)
    away.clear()
    await journal.drained()
    expect(told).toEqual(['two committed', 'one committed'])
  })

  test('what is too old to be of use to anybody is given up, and told', async () => {
    away.add('one')
    await hold('one')
    clock.advance({ seconds: 600 })

    await journal.drained()

    expect(told).toEqual(['one lost'])
    expect(journal.size).toBe(0)
  })

  test('what could not be stored is served for two leases', async () => {
    away.add('one')
    await hold('one')

    clock.advance({ ms: 2 * LEASE_MS - 1_000 })
    expect(journal.current('one')?.tokens.accessToken).toBe('a2')
    clock.advance({ ms: 1_000 })
    expect(journal.current('one')).toBeUndefined()
    expect(journal.size).toBe(1)
    away.clear()
    await journal.drained()
  })

  test('nobody acts on what the store says before it is stored', async () => {
    away.add('one')
    await hold('one')
    await expect(journal.flush('one')).rejects.toMatchObject({ code: 'ERR_AUTH_UNAVAILABLE' })
    away.clear()

    await journal.flush('one')

    expect(told).toEqual(['one committed'])
    expect(await grants.read('one')).toMatchObject({ state: { generation: 2 } })
  })
})
