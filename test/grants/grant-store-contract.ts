import { beforeEach, describe, expect, test } from '@jest/globals'
import { newGrantId, type GrantOwner, type GrantTokens } from '../../lib/grants/grant.ts'
import type { ClaimAnswer, ClaimRequest, GrantStore, ReleaseRequest } from '../../lib/grants/grant-store.ts'

/** What a suite needs from a store under test: the store, and power over the store's own clock. */
export interface StoreUnderTest {
  readonly store: GrantStore
  advance(ms: number): void | Promise<void>
  /** Epoch milliseconds by the store's clock. */
  now(): number
}

const LEASE_MS = 1_000
const SESSION = { id: 'the-session', signedInAt: Date.UTC(2030, 0, 1), userAgent: 'A Browser/1.0' }

/** The contract of every grant store, run against each implementation. */
export function describeGrantStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the grant store contract: ${name}`, () => {
    let subject: StoreUnderTest
    let store: GrantStore
    let id: string
    let owner: GrantOwner

    const tokensOf = (generation: number): GrantTokens => ({
      accessToken: `AT${generation}`,
      tokenType: 'Bearer',
      refreshToken: `RT${generation}`,
      expiresAt: subject.now() + 10_000,
      lifetimeMs: 10_000,
    })
    const claim = (claimId: string, more: Partial<ClaimRequest> = {}): ReturnType<GrantStore['claim']> =>
      store.claim(id, { claimId, generation: 1, leaseMs: LEASE_MS, whenInDoubt: 'wait', rideOutMs: 0, ...more })
    const commit = (generation: number): ReturnType<GrantStore['commit']> =>
      store.commit(id, { generation, tokens: tokensOf(generation + 1), verified: true })
    const release = (claimId: string, more: Partial<ReleaseRequest> = {}): ReturnType<GrantStore['release']> =>
      store.release(id, { claimId, unspent: false, failed: false, backoffMs: 0, ...more })
    const settle = (claimId: string, generation = 1): ReturnType<GrantStore['settle']> =>
      store.settle(id, { claimId, generation, leaseMs: LEASE_MS })

    beforeEach(async () => {
      subject = await open()
      store = subject.store
      id = newGrantId()
      owner = { provider: 'main', subject: `alice ${id}` } // the store is not emptied between tests
      await store.create(id, owner, tokensOf(1))
    })

    describe('reading', () => {
      test('a new grant is its first generation', async () => {
        expect(await store.read(id)).toMatchObject({
          kind: 'live',
          state: { ...owner, generation: 1, tokens: { accessToken: 'AT1' } },
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
        const begunAt = performance.now()
        await claim('a')
        await subject.advance(400)

        const answer = await claim('b')
        expect(answer.kind).toBe('busy')
        expectPause(answer, LEASE_MS - 400, begunAt)
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

      test('is given longer where the access token is still good', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)

        expect(await claim('b', { rideOutMs: 8_000 })).toEqual({ kind: 'busy', forMs: 8_000 })
        await subject.advance(8_000)
        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('is given twice its lease where the access token is good for less', async () => {
        const begunAt = performance.now()
        await claim('a')
        await subject.advance(LEASE_MS)

        expectPause(await claim('b', { rideOutMs: 10 }), LEASE_MS, begunAt)
      })

      test('is not waited for where tokens can be used again', async () => {
        await claim('a')
        await subject.advance(LEASE_MS)

        expect(await claim('b', { whenInDoubt: 'at-once', rideOutMs: 8_000 })).toMatchObject({
          kind: 'claimed',
          inDoubt: true,
        })
      })

      test('is not waited for when it said that no answer will come', async () => {
        await claim('a')
        await release('a')

        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })
    })

    describe('release', () => {
      test('of a token that was not sent leaves nothing behind', async () => {
        await claim('a')
        await release('a', { unspent: true })

        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: false })
      })

      test('clears its own intent, never one that stood before it', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await release('b', { unspent: true })

        expect(await claim('c')).toMatchObject({ kind: 'claimed', inDoubt: true })
      })

      test('by a holder that a later claim has overtaken changes nothing', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await release('a', { unspent: true })

        expect(await claim('c')).toMatchObject({ kind: 'busy' })
      })

      test('with a pause keeps everybody from the server until it is over', async () => {
        await claim('a')
        const begunAt = performance.now()
        await release('a', { unspent: true, backoffMs: 500 })

        const answer = await claim('b')
        expect(answer.kind).toBe('backoff')
        expectPause(answer, 500, begunAt)
        await subject.advance(500)
        expect(await claim('b')).toMatchObject({ kind: 'claimed' })
      })
    })

    describe('failures in a row', () => {
      test('are none at first', async () => {
        expect(await claim('a')).toMatchObject({ failures: 0 })
      })

      test('are counted by whoever says so, and told to the next claimant', async () => {
        await claim('a')
        await release('a', { failed: true })
        await claim('b')
        await release('b', { unspent: true, failed: true })
        await claim('c')
        await release('c', { unspent: true })

        expect(await claim('d')).toMatchObject({ kind: 'claimed', failures: 2 })
        expect(await claim('d')).toMatchObject({ kind: 'claimed', failures: 2 })
      })

      test('are not counted by a holder that was overtaken', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await release('a', { failed: true })
        await release('b')

        expect(await claim('c')).toMatchObject({ failures: 0 })
      })

      test('end with a refresh that succeeds', async () => {
        await claim('a')
        await release('a', { failed: true })
        await claim('b')
        await commit(1)

        expect(await claim('c', { generation: 2 })).toMatchObject({ failures: 0 })
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

      test('ends the pause that a later holder was told to make', async () => {
        await claim('a')
        await subject.advance(2 * LEASE_MS)
        await claim('b')
        await release('b', { backoffMs: 60_000 })
        await commit(1)

        expect(await claim('c', { generation: 2 })).toMatchObject({ kind: 'claimed', inDoubt: false })
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

      test('leaves it also to one that is in no doubt', async () => {
        await claim('a')
        await release('a', { unspent: true })
        await claim('b')

        expect(await settle('a')).toMatchObject({ kind: 'undecided' })
        expect(await claim('c')).toMatchObject({ kind: 'busy' })
        expect(await commit(1)).toMatchObject({ kind: 'committed' })
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

        expect(await claim('c')).toEqual({ kind: 'ended' })
        expect(await claim('d')).toEqual({ kind: 'gone', why: 'refused' })
        expect(await store.find(subjectOf(owner))).toEqual([])
      })
    })

    describe('end', () => {
      test('answers with the last tokens once, and leaves a tombstone', async () => {
        expect(await store.end(id, 'signed-out')).toMatchObject({
          state: { ...owner, generation: 1, tokens: { refreshToken: 'RT1' } },
          session: undefined,
        })
        expect(await store.end(id, 'refused')).toBeUndefined()
        expect(await store.read(id)).toEqual({ kind: 'gone', why: 'signed-out' })
      })

      test('is seen by every operation', async () => {
        await store.end(id, 'signed-out')
        const gone = { kind: 'gone', why: 'signed-out' }

        expect(await claim('a')).toEqual(gone)
        expect(await commit(1)).toEqual(gone)
        expect(await settle('a')).toEqual(gone)
        await release('a', { unspent: true })
        await store.markVerified(id, 1)
        await store.bindSession(id, SESSION)
        expect(await store.read(id)).toEqual(gone)
        expect(await store.inspect(id)).toEqual(gone)
      })
    })

    describe('what is stored', () => {
      const everything = (): GrantTokens => ({
        ...tokensOf(1),
        idToken: 'an ID Token',
        scope: 'openid orders',
        perResource: {
          'https://one.example': { accessToken: 'AT for one', tokenType: 'Bearer', scope: 'one' },
          'https://two.example': {
            accessToken: 'AT for two',
            tokenType: 'Bearer',
            expiresAt: subject.now() + 5_000,
            lifetimeMs: 5_000,
          },
        },
      })

      test('comes back as it was: tokens by resource, the session, and whose it is', async () => {
        const tokens = everything()
        const whole = { ...owner, sid: `sid ${id}` }
        id = newGrantId()
        await store.create(id, whole, tokens, SESSION)

        const answer = await store.inspect(id)
        expect(answer).toMatchObject({
          kind: 'live',
          state: { ...whole, generation: 1, verified: true },
          session: SESSION,
        })
        expect(answer).toHaveProperty('state.tokens', tokens)
        expect(await store.end(id, 'signed-out')).toMatchObject({ state: whole, session: SESSION })
      })

      test('after a refresh is what the refresh brought, and still the same session', async () => {
        id = newGrantId()
        await store.create(id, owner, tokensOf(1), SESSION)
        await claim('a')
        const tokens = everything()

        expect(await store.commit(id, { generation: 1, tokens, verified: true })).toHaveProperty('state.tokens', tokens)
        const answer = await store.inspect(id)
        expect(answer).toMatchObject({ state: { ...owner, generation: 2 }, session: SESSION })
        expect(answer).toHaveProperty('state.tokens', tokens)
      })

      test('may be without end-user, session, refresh token and expiry', async () => {
        id = newGrantId()
        await store.create(id, { provider: 'main', subject: undefined }, { accessToken: 'AT', tokenType: 'Bearer' })

        expect(await store.inspect(id)).toMatchObject({
          kind: 'live',
          state: { subject: undefined, tokens: { accessToken: 'AT', tokenType: 'Bearer' } },
          session: undefined,
        })
        await claim('a')
        expect(await commit(1)).toMatchObject({ kind: 'committed', state: { subject: undefined } })
        expect(await settle('b', 2)).toMatchObject({ kind: 'undecided' })
        expect(await store.end(id, 'signed-out')).toMatchObject({ state: { generation: 2 } })
      })

      test('says when: at the sign-in, and then at the last refresh', async () => {
        const ageMs = async (): Promise<number> => {
          const answer = await store.read(id)
          return answer.kind === 'live' ? subject.now() - answer.state.storedAt : Number.NaN
        }
        expect(Math.abs(await ageMs())).toBeLessThan(1_000)
        await subject.advance(30_000)
        expect(Math.abs((await ageMs()) - 30_000)).toBeLessThan(1_000)
        await claim('a')
        await commit(1)
        expect(Math.abs(await ageMs())).toBeLessThan(1_000)
      })

      test('by one sign-in keeps nothing of what was stored under the same id before', async () => {
        await store.bindSession(id, SESSION)
        await claim('a')
        await release('a', { failed: true, backoffMs: 60_000 })
        await store.create(id, owner, tokensOf(1))

        expect(await store.inspect(id)).toMatchObject({ state: { generation: 1 }, session: undefined })
        expect(await claim('b')).toMatchObject({ kind: 'claimed', inDoubt: false, failures: 0 })
        await store.end(id, 'signed-out')
        await store.create(id, owner, tokensOf(1))
        expect(await store.read(id)).toMatchObject({ kind: 'live' })
      })

      test('belongs to the session that it was bound to last', async () => {
        await store.bindSession(id, SESSION)
        expect(await store.inspect(id)).toMatchObject({ session: SESSION })

        const next = { id: 'another-session', signedInAt: SESSION.signedInAt + 1 }
        await store.bindSession(id, next)
        const answer = await store.inspect(id)
        expect(answer.kind === 'live' && answer.session).toEqual(next)
      })

      test('is not made by binding a session', async () => {
        const other = newGrantId()
        await store.bindSession(other, SESSION)

        expect(await store.inspect(other)).toEqual({ kind: 'gone', why: undefined })
      })
    })

    describe('finding', () => {
      const createFor = async (of: GrantOwner): Promise<string> => {
        const made = newGrantId()
        await store.create(made, of, tokensOf(1))
        return made
      }

      test('all grants of an end-user, none left out, in the order of the sign-ins', async () => {
        const ids = [id]
        for (let n = 0; n < 20; n += 1) ids.push(await createFor(owner))

        expect(await store.find(subjectOf(owner))).toEqual(ids)
      })

      test('keeps that order when one of them is refreshed', async () => {
        const second = await createFor(owner)
        await claim('a')
        await commit(1)

        expect(await store.find(subjectOf(owner))).toEqual([id, second])
      })

      test('none of anybody else, nor of the same subject at another provider', async () => {
        await createFor({ ...owner, subject: `mallory ${id}` })
        const elsewhere = await createFor({ ...owner, provider: 'other' })

        expect(await store.find(subjectOf(owner))).toEqual([id])
        expect(await store.find({ provider: 'other', subject: owner.subject ?? '' })).toEqual([elsewhere])
        expect(await store.find({ provider: 'main', subject: `nobody ${id}` })).toEqual([])
      })

      test('by one session at the provider, which is no subject', async () => {
        const sid = `sid ${id}`
        const one = await createFor({ ...owner, sid })
        const other = await createFor({ ...owner, sid: `another ${sid}` })
        const nobody = await createFor({ provider: 'main', subject: undefined, sid })

        expect(await store.find({ provider: 'main', sid })).toEqual([one, nobody])
        expect(await store.find({ provider: 'other', sid })).toEqual([])
        expect(await store.find({ provider: 'main', subject: sid })).toEqual([])
        expect(await store.find({ provider: 'main', sid: owner.subject ?? '' })).toEqual([])
        expect(await store.find(subjectOf(owner))).toEqual([id, one, other])
      })

      test('none that has ended, by sign-out or because its token was refused', async () => {
        const sid = `sid ${id}`
        const out = await createFor({ ...owner, sid })
        await store.end(out, 'signed-out')
        await claim('a')
        await settle('a')

        expect(await store.find(subjectOf(owner))).toEqual([])
        expect(await store.find({ provider: 'main', sid })).toEqual([])
      })

      test('all of a hundred that signed in at the same instant', async () => {
        const made = await Promise.all(Array.from({ length: 100 }, () => createFor(owner)))

        expect(new Set(await store.find(subjectOf(owner)))).toEqual(new Set([id, ...made]))
      })
    })

    describe('a name', () => {
      test('is remembered until its time is over, and no other is', async () => {
        const jti = `jti ${id}`

        expect(await store.isRemembered(jti)).toBe(false)
        await store.remember(jti, 1_000)
        expect(await store.isRemembered(jti)).toBe(true)
        expect(await store.isRemembered(`another ${jti}`)).toBe(false)
        await subject.advance(1_001)
        expect(await store.isRemembered(jti)).toBe(false)
      })

      test('that is remembered again is from then on, and asking keeps none', async () => {
        const jti = `jti ${id}`
        await store.remember(jti, 1_000)
        await subject.advance(800)
        await store.remember(jti, 1_000)
        await subject.advance(800)

        expect(await store.isRemembered(jti)).toBe(true)
        await subject.advance(300)
        expect(await store.isRemembered(jti)).toBe(false)
      })
    })
  })
}

function subjectOf({ provider, subject = '' }: GrantOwner): { provider: string; subject: string } {
  return { provider, subject }
}

/** @param begunAt when the pause can have begun at the earliest; a store with a clock of its own does not wait for a slow test. */
function expectPause(answer: ClaimAnswer, pauseMs: number, begunAt: number): void {
  const passedMs = performance.now() - begunAt
  const rest = 'forMs' in answer ? answer.forMs : Number.NaN
  expect(rest).toBeGreaterThanOrEqual(pauseMs - passedMs - 1)
  expect(rest).toBeLessThanOrEqual(pauseMs + 1)
}
