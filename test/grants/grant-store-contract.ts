import { beforeEach, describe, expect, test } from '@jest/globals'
import { newGrantId } from '../../lib/grants/grant.ts'
import type { ClaimAnswer, ClaimRequest, GrantStore } from '../../lib/grants/grant-store.ts'
import type { TokenSet } from '../../lib/protocol/token-response.ts'

/** What a suite needs from a store under test: the store, and power over the store's own clock. */
export interface StoreUnderTest {
  readonly store: GrantStore
  advance(ms: number): void | Promise<void>
  /** Epoch milliseconds by the store's clock. */
  now(): number
}

const LEASE_MS = 1_000
const OWNER = { provider: 'main', subject: 'alice' }

/** The contract of every grant store, run against each implementation. */
export function describeGrantStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the grant store contract: ${name}`, () => {
    let subject: StoreUnderTest
    let store: GrantStore
    let id: string

    const tokensOf = (generation: number): TokenSet => ({
      accessToken: `AT${generation}`,
      tokenType: 'Bearer',
      refreshToken: `RT${generation}`,
      expiresAt: subject.now() + 10_000,
      lifetimeMs: 10_000,
    })
    const claim = (claimId: string, more: Partial<ClaimRequest> = {}): ReturnType<GrantStore['claim']> =>
      store.claim(id, { claimId, generation: 1, leaseMs: LEASE_MS, whenInDoubt: 'wait', ...more })
    const commit = (generation: number): ReturnType<GrantStore['commit']> =>
      store.commit(id, { generation, tokens: tokensOf(generation + 1), verified: true })
    const settle = (claimId: string, generation = 1): ReturnType<GrantStore['settle']> =>
      store.settle(id, { claimId, generation, leaseMs: LEASE_MS })

    beforeEach(async () => {
      subject = await open()
      store = subject.store
      id = newGrantId()
      await store.create(id, OWNER, tokensOf(1))
    })

    describe('reading', () => {
      test('a new grant is its first generation', async () => {
        expect(await store.read(id)).toMatchObject({
          kind: 'live',
          state: { ...OWNER, generation: 1, tokens: { accessToken: 'AT1' } },
        })
      })

      test('an unknown grant is gone, and nobody knows why', async () => {
        expect(await store.read(newGrantId())).toEqual({ kind: 'gone', why: undefined })
      })
    })

    describe('claim', () => {
      test('hands out the refresh token with the claim', async () => {
        expect(await claim('a')).toMatchObject({
          kind: 'claimed',
          inDoubt: false,
          state: { tokens: { refreshToken: 'RT1' } },
        })
      })

      test('answers the same again when the first answer was lost', async () => {
        await claim('a')

        expect(await claim('a')).toMatchObject({ kind: 'claimed', inDoubt: false })
      })

      test('keeps everybody else out until the lease ends', async () => {
        await claim('a')
        await subject.advance(400)

        const answer = await claim('b')
        expect(answer.kind).toBe('busy')
        expect(pauseOf(answer)).toBeCloseTo(600, -2)
      })

      test('answers with newer tokens to whoever knows an older generation', async () => {
        await claim('a')
        await commit(1)

        expect(await claim('b')).toMatchObject({
          kind: 'newer',
          state: { generation: 2, tokens: { refreshToken: 'RT2' } },
        })
      })

      test('of a hundred at the same instant one wins', async () => {
        const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => claim(`claim ${n}`)))

        expect(answers.filter((answer) => answer.kind === 'claimed')).toHaveLength(1)
        expect(answers.filter((answer) => answer.kind === 'busy')).toHaveLength(99)
      })
    })

    describe('a holder that ended without a word', () => {
      test('may still answer until twice the lease: nobody presents its token before', async () => {
        await claim('a')
        await subject.advance(1.5 * LEASE_MS)

        expect(await claim('b')).toMatchObject({ kind: 'busy' })
        await subject.advance(0.5 * LEASE_MS)
        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('is given the whole life of an access token that is still good', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)

        expect(await claim('b', { whenInDoubt: 'ride-out' })).toMatchObject({ kind: 'busy' })
        await subject.advance(8_000)
        expect(await claim('b', { whenInDoubt: 'ride-out' })).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('is not waited for where tokens can be used again', async () => {
        await claim('a')
        await subject.advance(LEASE_MS)

        expect(await claim('b', { whenInDoubt: 'at-once' })).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('is not waited for when it said that no answer will come', async () => {
        await claim('a')
        await store.release(id, { claimId: 'a', unspent: false, backoffMs: 0 })

        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })
    })

    describe('release', () => {
      test('of a token that was not sent leaves nothing behind', async () => {
        await claim('a')
        await store.release(id, { claimId: 'a', unspent: true, backoffMs: 0 })

        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: false })
      })

      test('clears its own intent, never one that stood before it', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await store.release(id, { claimId: 'b', unspent: true, backoffMs: 0 })

        expect(await claim('c')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('by a holder that a later claim has overtaken changes nothing', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await store.release(id, { claimId: 'a', unspent: true, backoffMs: 0 })

        expect(await claim('c')).toMatchObject({ kind: 'busy' })
      })

      test('with a pause keeps everybody from the server until it is over', async () => {
        await claim('a')
        await store.release(id, { claimId: 'a', unspent: true, backoffMs: 500 })

        const answer = await claim('b')
        expect(answer.kind).toBe('backoff')
        expect(pauseOf(answer)).toBeCloseTo(500, -2)
        await subject.advance(500)
        expect(await claim('b')).toMatchObject({ kind: 'claimed' })
      })
    })

    describe('commit', () => {
      test('stores the next generation and frees the grant', async () => {
        await claim('a')

        expect(await commit(1)).toMatchObject({ kind: 'committed', state: { generation: 2 } })
        expect(await claim('b', { generation: 2 })).toMatchObject({ kind: 'claimed', inDoubt: false })
      })

      test('is accepted long after the lease: it may be the only live token', async () => {
        await claim('a')
        await subject.advance(5 * LEASE_MS)
        await claim('b')

        expect(await commit(1)).toMatchObject({ kind: 'committed', state: { generation: 2 } })
      })

      test('of an older generation loses to what is stored', async () => {
        await claim('a')
        await commit(1)

        expect(await commit(1)).toMatchObject({ kind: 'newer', state: { generation: 2 } })
        expect(await store.read(id)).toMatchObject({ state: { generation: 2 } })
      })

      test('never brings an ended grant back', async () => {
        await claim('a')
        await store.end(id, 'signed-out')

        expect(await commit(1)).toEqual({ kind: 'gone', why: 'signed-out' })
        expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
      })

      test('never makes a grant that is not there', async () => {
        id = newGrantId()

        expect(await commit(1)).toEqual({ kind: 'gone', why: undefined })
        expect(await store.read(id)).toEqual({ kind: 'gone', why: undefined })
      })

      test('of unchecked tokens is marked as such until it is verified', async () => {
        await claim('a')
        await store.commit(id, { generation: 1, tokens: tokensOf(2), verified: false })

        expect(await store.read(id)).toMatchObject({ state: { verified: false } })
        await store.markVerified(id, 1)
        expect(await store.read(id)).toMatchObject({ state: { verified: false } })
        await store.markVerified(id, 2)
        expect(await store.read(id)).toMatchObject({ state: { verified: true } })
      })
    })

    describe('settle, after the server called the token dead', () => {
      test('ends the grant when nobody else can hold its successor', async () => {
        await claim('a')

        expect(await settle('a')).toEqual({ kind: 'ended' })
        expect(await store.read(id)).toEqual({ kind: 'gone', why: 'refused' })
      })

      test('adopts what somebody stored meanwhile', async () => {
        await claim('a')
        await commit(1)

        expect(await settle('a')).toMatchObject({ kind: 'newer', state: { generation: 2 } })
      })

      test('leaves the decision to a later claim', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')

        expect(await settle('a')).toMatchObject({ kind: 'undecided' })
        expect(await store.read(id)).toMatchObject({ kind: 'live' })
      })

      test('in doubt waits one more lease for the late answer of an earlier holder, and takes it', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')

        expect(await settle('b')).toMatchObject({ kind: 'undecided', forMs: LEASE_MS })
        expect(await claim('c')).toMatchObject({ kind: 'busy' })
        expect(await commit(1)).toMatchObject({ kind: 'committed' })
        expect(await claim('c', { generation: 2 })).toMatchObject({ kind: 'claimed', inDoubt: false })
      })

      test('in doubt ends the grant after that lease, without presenting the token again', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await settle('b')
        await subject.advance(LEASE_MS)

        expect(await claim('c')).toEqual({ kind: 'gone', why: 'refused' })
      })
    })

    describe('end', () => {
      test('answers with the last tokens once, and leaves a tombstone', async () => {
        expect(await store.end(id, 'signed-out')).toMatchObject({ generation: 1, tokens: { refreshToken: 'RT1' } })
        expect(await store.end(id, 'refused')).toBeUndefined()
        expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
      })

      test('is seen by every operation', async () => {
        await store.end(id, 'signed-out')
        const gone = { kind: 'gone', why: 'signed-out' }

        expect(await claim('a')).toEqual(gone)
        expect(await commit(1)).toEqual(gone)
        expect(await settle('a')).toEqual(gone)
        await store.release(id, { claimId: 'a', unspent: true, backoffMs: 0 })
        await store.markVerified(id, 1)
        expect(await store.read(id)).toEqual(gone)
      })
    })
  })
}

function pauseOf(answer: ClaimAnswer): number | undefined {
  return 'forMs' in answer ? answer.forMs : undefined
}
