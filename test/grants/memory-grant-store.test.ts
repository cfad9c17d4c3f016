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

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
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

  test('take room for what is there, and not for what there may be', () => {
    const before = heldBytes()
    const stores = Array.from({ length: 10 }, () => memoryGrants())

    expect(heldBytes() - before).toBeLessThan(10 * 2 ** 20)
    expect(stores).toHaveLength(10)
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

  test('take options that can be meant only, and name the others', () => {
    const wrong = { maxGrants: 0, retentionMs: -1, tombstoneMs: 1.5, now: Date.UTC(2030, 0, 1), maxGrant: 5 }

    expect(() => memoryGrants(wrong as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTIONS',
        message: expect.stringMatching(
          /memoryGrants\(\).*maxGrants.*retentionMs.*tombstoneMs.*now.*"maxGrant" is unknown/,
        ),
      }),
    )
  })
})
