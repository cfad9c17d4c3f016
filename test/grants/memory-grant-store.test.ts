import { describe, expect, test } from '@jest/globals'
import { memoryGrants } from '../../lib/index.ts'
import { describeGrantStore } from './grant-store-contract.ts'

const START = Date.UTC(2030, 0, 1)
const TOKENS = { accessToken: 'AT1', tokenType: 'Bearer', refreshToken: 'RT1' }
const OWNER = { provider: 'main', subject: 'alice' }

function manualClock(): { now: () => number; advance: (ms: number) => void } {
  let time = START
  return { now: () => time, advance: (ms) => void (time += ms) }
}

describeGrantStore('memory', async () => {
  const clock = manualClock()
  return { store: memoryGrants({ now: clock.now }), ...clock }
})

describe('grants in memory', () => {
  test('are bounded: the one that was used longest ago goes', async () => {
    const store = memoryGrants({ maxGrants: 2 })
    await store.create('first', OWNER, TOKENS)
    await store.create('second', OWNER, TOKENS)
    await store.read('first')
    await store.create('third', OWNER, TOKENS)

    expect(await store.read('first')).toMatchObject({ kind: 'live' })
    expect(await store.read('second')).toMatchObject({ kind: 'gone' })
  })

  test('are forgotten when they were not used for the retention time', async () => {
    const clock = manualClock()
    const store = memoryGrants({ now: clock.now, retentionMs: 60_000 })
    await store.create('grant', OWNER, TOKENS)
    clock.advance(59_000)
    expect(await store.read('grant')).toMatchObject({ kind: 'live' })
    clock.advance(59_000)
    expect(await store.read('grant')).toMatchObject({ kind: 'live' })
    clock.advance(61_000)

    expect(await store.read('grant')).toMatchObject({ kind: 'gone' })
  })

  test('a tombstone is kept for its own time', async () => {
    const clock = manualClock()
    const store = memoryGrants({ now: clock.now, tombstoneMs: 30_000 })
    await store.create('grant', OWNER, TOKENS)
    await store.end('grant', 'signed-out')
    clock.advance(29_000)
    expect(await store.read('grant')).toEqual({ kind: 'gone', why: 'signed-out' })
    clock.advance(31_000)

    expect(await store.read('grant')).toEqual({ kind: 'gone', why: undefined })
  })
})
