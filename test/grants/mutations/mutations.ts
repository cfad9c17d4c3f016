import type { Property } from '../schedules/promise.ts'

export interface Edit {
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
}

/** An engine with one rule taken out. */
export interface Mutation {
  /** The switch of the model's README, one of the seven ways to lose, or a mistake that the schedules have found. */
  readonly name: string
  readonly what: string
  readonly edits: readonly Edit[]
  /** At least one of these is violated. */
  readonly violates: readonly Property[]
}

const REDEMPTION = 'lib/grants/redemption.ts'
const REFRESHER = 'lib/grants/grant-refresher.ts'
const KEEPER = 'lib/grants/grant-keeper.ts'
const READER = 'lib/grants/grant-reader.ts'
const ACCESS_TOKENS = 'lib/grants/access-tokens.ts'
const JOURNAL = 'lib/grants/journal.ts'
const STORE = 'lib/grants/memory-grant-store.ts'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'L1',
    what: 'the lease keeps nobody out',
    edits: [
      {
        file: STORE,
        find: "if (claim !== undefined && claim.until > now) return { kind: 'busy', forMs: claim.until - now }",
        replace:
          "if (claim !== undefined && claim.until > now) return { kind: 'claimed', state: entry.state, inDoubt: false, failures }",
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'L2',
    what: 'the lease is shorter than the deadline',
    edits: [{ file: REFRESHER, find: 'const { leaseMs } = settings', replace: 'const leaseMs = settings.leaseMs / 8' }],
    violates: ['P1'],
  },
  {
    name: 'L3',
    what: 'the call ends when its callers have stopped waiting',
    edits: [
      {
        file: REDEMPTION,
        find: 'const { state: previous } = this.#claimed.claim',
        replace:
          "if (runtime.monotonic() - this.#sentAt >= this.#parts.settings.deadlineMs) throw unavailable('cancelled', 0)\n    const { state: previous } = this.#claimed.claim",
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'L4, VERIFY_FIRST',
    what: 'the answer is verified before it is stored',
    edits: [
      {
        file: REDEMPTION,
        find: 'const request = { generation: previous.generation, tokens,',
        replace:
          "if (idToken === 'unverified') await this.#parts.serverOf(previous.provider).isSigned(tokens.idToken ?? '')\n    const request = { generation: previous.generation, tokens,",
      },
    ],
    violates: ['P2', 'P6_NO_LOSS'],
  },
  {
    name: 'L5, LAST_WRITE_WINS',
    what: 'a commit compares nothing',
    edits: [
      {
        file: STORE,
        find: "if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }\n    const state",
        replace: 'const state',
      },
    ],
    violates: ['P3'],
  },
  {
    name: 'L6, COMMIT_CREATES',
    what: 'a commit makes the record again that a sign-out deleted',
    edits: [
      {
        file: STORE,
        find: "if (entry.kind === 'gone') return entry\n    if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }\n    const state",
        replace: `if (entry.kind === 'gone') {
      const again = { provider: 'main', subject: 'alice', generation: generation + 1, tokens, verified, storedAt: this.#now() }
      this.#entries.set(id, { kind: 'live', session: undefined, ...atRest(again) })
      return { kind: 'committed', state: again }
    }
    if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }
    const state`,
      },
    ],
    violates: ['P4'],
  },
  {
    name: 'L7: store',
    what: 'a store that cannot be reached is taken for a grant that is over',
    edits: [
      {
        file: 'lib/grants/faults.ts',
        find: "return unavailable('the grant store cannot be reached', 1_000, cause)",
        replace: 'return gone(undefined, cause)',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'L7: server',
    what: 'a 503 is taken for invalid_grant',
    edits: [
      {
        file: REDEMPTION,
        find: "if (kind === 'dead') return this.#settle(cause)",
        replace: "if (kind !== 'misconfigured') return this.#settle(cause)",
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'NO_CLOCK_CHECK',
    what: 'it is sent without a look at the clock',
    edits: [
      {
        file: REDEMPTION,
        find: 'return this.#sentAt - this.#claimed.askedAt <= settings.leaseMs - settings.deadlineMs',
        replace: 'return settings.leaseMs > 0',
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'NO_INTENT',
    what: 'the claim writes a lease only',
    edits: [
      { file: STORE, find: 'entry.intent = { answerUntil: now + 2 * leaseMs }', replace: 'entry.intent = undefined' },
    ],
    violates: ['P1'],
  },
  {
    name: 'LEASE_END_CLEARS_INTENT',
    what: 'an intent ends with its lease',
    edits: [
      {
        file: STORE,
        find: 'const { claim, intent, refusedUntil, failures } = entry',
        replace:
          'if (entry.claim !== undefined && entry.claim.until <= now) entry.intent = undefined\n    const { claim, intent, refusedUntil, failures } = entry',
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'NO_DOUBT_WAIT',
    what: 'a claim in doubt waits for the lease only',
    edits: [
      {
        file: STORE,
        find: 'entry.intent = { answerUntil: now + 2 * leaseMs }',
        replace: 'entry.intent = { answerUntil: now + leaseMs }',
      },
    ],
    violates: ['P1', 'P2', 'P6_NO_LOSS'],
  },
  {
    name: 'NO_RIDE_OUT',
    what: 'a claim in doubt does not wait for the access token to expire',
    edits: [
      {
        file: STORE,
        find: 'const forMs = Math.max(intent.answerUntil - now, rideOutMs)',
        replace: 'const forMs = intent.answerUntil - now',
      },
    ],
    violates: ['RULE'],
  },
  {
    name: 'RIDE_OUT_GRACE',
    what: 'a claim in doubt waits though a spent token would still be accepted',
    edits: [
      { file: REFRESHER, find: "=== 'rotating' ? 'wait' : 'at-once'", replace: "=== 'reusable' ? 'at-once' : 'wait'" },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'COMMIT_BY_LEASE',
    what: 'a commit needs the lease',
    edits: [
      {
        file: STORE,
        find: "if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }\n    const state",
        replace:
          "if (entry.claim === undefined || entry.claim.until <= this.#now()) return { kind: 'newer', state: entry.state }\n    const state",
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'REVOKE_LOSER',
    what: 'who comes too late to store revokes what it got',
    edits: [
      {
        file: REDEMPTION,
        find: 'const isOurs =',
        replace: 'await this.#parts.ending.revoke(this.#id, answer.state, tokens)\n        const isOurs =',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'SERVE_UNVERIFIED',
    what: 'what is stored is served before it is verified',
    edits: [
      {
        file: READER,
        find: 'if (!state.verified) await this.#verify(id, state)\n    return state',
        replace: 'if (!state.verified) this.#verify(id, state).catch(() => {})\n    return state',
      },
    ],
    violates: ['P7'],
  },
  {
    name: 'NO_REREAD',
    what: 'invalid_grant is the end, without reading again',
    edits: [
      {
        file: STORE,
        find: "if (entry.state.generation !== generation) return { kind: 'newer', state: entry.state }\n    if (entry.claim?.id !== claimId) return { kind: 'undecided', forMs: Math.max((entry.claim?.until ?? now) - now, 0) }\n    if (entry.claim.inDoubt) {",
        replace: 'if (entry.claim?.id === claimId && entry.claim.inDoubt) {',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'KILL_ANY_OWNER',
    what: 'invalid_grant is the end though somebody else has claimed since',
    edits: [
      {
        file: STORE,
        find: "if (entry.claim?.id !== claimId) return { kind: 'undecided', forMs: Math.max((entry.claim?.until ?? now) - now, 0) }\n    if (entry.claim.inDoubt) {",
        replace: 'if (entry.claim?.id === claimId && entry.claim.inDoubt) {',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'NO_EXTRA_LEASE',
    what: 'a refusal in doubt ends the grant at once',
    edits: [
      {
        file: STORE,
        find: 'if (entry.claim.inDoubt) {\n      entry.claim = undefined',
        replace: 'if (entry.claim.inDoubt && now < 0) {\n      entry.claim = undefined',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'REFUSAL_NOT_RECORDED',
    what: 'nothing in the record says that the token was refused',
    edits: [{ file: STORE, find: '      entry.refusedUntil = now + leaseMs\n', replace: '' }],
    violates: ['REFUSED_TWICE'],
  },
  {
    name: 'RELEASE_CLEARS_ALL',
    what: 'a proof that nothing was sent clears an earlier intent too',
    edits: [
      {
        file: STORE,
        find: 'const intentStands = !unspent || entry.claim.inDoubt',
        replace: 'const intentStands = !unspent',
      },
    ],
    violates: ['P2', 'P6_NO_LOSS'],
  },
  {
    name: 'RELEASE_ANY_OWNER',
    what: 'whoever was late clears the lease of who came after',
    edits: [
      {
        file: STORE,
        find: "if (entry.kind === 'gone' || entry.claim?.id !== claimId) return",
        replace: "if (entry.kind === 'gone' || entry.claim === undefined) return",
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'NO_TOMBSTONE',
    what: 'a sign-out deletes the record',
    edits: [
      {
        file: STORE,
        find: "this.#entries.set(id, { kind: 'gone', why }, { ttl: this.tombstoneMs })",
        replace: 'this.#entries.delete(id)',
      },
    ],
    violates: ['RULE'],
  },
  {
    name: 'CACHE',
    what: 'the local cache serves without end',
    edits: [
      {
        file: 'lib/grants/state-cache.ts',
        find: 'this.#monotonic() - known.at < this.#maxAgeMs',
        replace: 'known.at <= this.#monotonic()',
      },
    ],
    violates: ['P4'],
  },
  {
    name: 'CLOCK_JUMP',
    what: 'the clock of the store jumps forward',
    edits: [
      {
        file: STORE,
        find: "const now = this.#now()\n    if (entry.kind === 'gone') return entry\n    if (entry.state.generation > generation)",
        replace:
          "const now = this.#now() + ('claim' in entry && entry.claim !== undefined ? 60_000 : 0)\n    if (entry.kind === 'gone') return entry\n    if (entry.state.generation > generation)",
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'LOSES_WRITES',
    what: 'the store loses claims that it has acknowledged',
    edits: [
      {
        file: STORE,
        find: 'entry.claim = { id: claimId, until: now + leaseMs, inDoubt }\n    entry.intent = { answerUntil: now + 2 * leaseMs }',
        replace: 'void claimId',
      },
    ],
    violates: ['P1'],
  },
  {
    name: 'NO_JOURNAL',
    what: 'an answer that cannot be stored at once is dropped',
    edits: [
      {
        file: REDEMPTION,
        find: "return { kind: 'refreshed', state: this.#hold(request, tokens) }",
        replace: 'throw error',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'NO_DRAINING',
    what: 'a process that shuts down forgets what it could not store',
    edits: [{ file: KEEPER, find: '    await this.#journal.drained()\n', replace: '' }],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'no waiting for callers at the end',
    what: 'a process that shuts down forgets what it is still asked for',
    edits: [{ file: ACCESS_TOKENS, find: 'if (this.#callers > 0) await', replace: 'if (this.#callers < 0) await' }],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'the answer that came last is held',
    what: 'an older answer takes the place of the newest one',
    edits: [
      {
        file: JOURNAL,
        find: 'if (other !== undefined && other.state.generation > held.state.generation) {',
        replace: 'if (other !== undefined && other.state.generation < 0) {',
      },
    ],
    violates: ['P6_NO_LOSS'],
  },
  {
    name: 'the journal knows no sign-out',
    what: 'what could not be stored is served after a sign-out in the same process',
    edits: [{ file: KEEPER, find: 'this.#journal.ended(id, why)', replace: '' }],
    violates: ['P4'],
  },
  {
    name: 'the cache counts from when the answer came',
    what: 'a slow read is served for longer than its age allows',
    edits: [{ file: 'lib/grants/state-cache.ts', find: '{ state, at }', replace: '{ state, at: this.#monotonic() }' }],
    violates: ['P4'],
  },
  {
    name: 'a slow reader wins',
    what: 'an older token is handed out after a newer one',
    edits: [
      { file: ACCESS_TOKENS, find: 'if (!isPast(last, this.#engine.runtime.now())) return last', replace: '' },
      { file: ACCESS_TOKENS, find: 'if (last !== before) return undefined', replace: '' },
    ],
    violates: ['P3'],
  },
  {
    name: 'a slow reader wins when the newer token has expired',
    what: 'an older token that is still good is handed out after a newer one',
    edits: [{ file: ACCESS_TOKENS, find: 'if (last !== before) return undefined', replace: '' }],
    violates: ['P3'],
  },
  {
    name: 'whatever is newer is enough',
    what: 'a token for one resource is handed out for another',
    edits: [
      {
        file: REFRESHER,
        find: 'if (isEnough(redeemed.state, wanted)) return redeemed.state',
        replace: 'return redeemed.state',
      },
      {
        file: ACCESS_TOKENS,
        find: 'const issued = issuedFor(state.tokens, key)\n      // Never',
        replace: 'const issued = issuedFor(state.tokens, key) ?? state.tokens\n      // Never',
      },
    ],
    violates: ['P7'],
  },
  {
    name: 'what is not verified is built upon',
    what: 'a refresh for another resource passes what is unverified on as verified',
    edits: [
      {
        file: REDEMPTION,
        find: "idToken !== 'unverified' && previous.verified }",
        replace: "idToken !== 'unverified' }",
      },
      { file: REFRESHER, find: 'newest = await checked(claim.state)', replace: 'newest = claim.state' },
    ],
    violates: ['P7'],
  },
  {
    name: 'a broken connection is an answer',
    what: 'the claim is given back while the request is still under way',
    edits: [{ file: REDEMPTION, find: 'if (unspent || answered || this.#isOutOfPatience) await', replace: 'await' }],
    violates: ['P1'],
  },
]
