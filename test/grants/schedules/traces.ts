import type { Scenario, World } from './world.ts'

/** One order of events that has broken the promise, or breaks it as soon as a rule is left out. */
export interface Trace {
  /** The rule by its switch in the model's README, or what went wrong. */
  readonly name: string
  readonly scenario: Scenario
  /** One step a line; one that is not possible, because a rule is in its way, is passed over. */
  readonly steps: string
  /** For what the promise alone would not show. */
  readonly rule?: (world: World) => void
}

const STRICT: Scenario = { reuse: 'revokes', processes: 2, lifetime: 40, left: -400, cache: 0 }
const REFUSES: Scenario = { ...STRICT, reuse: 'refuses' }
const GRACE: Scenario = { ...STRICT, reuse: 'grace' }
const REUSABLE: Scenario = { ...STRICT, reuse: 'reusable' }
const STILL_GOOD: Scenario = { ...STRICT, left: 40 }

/** A caller comes, and its process claims the grant. */
const claims = (name: string, request = 'for a token'): string => `
  ${name} is asked ${request}
  ${name} read >
  ${name} read <
  ${name} claim >
  ${name} claim <`

const looks = (name: string): string => `
  ${name} looks at its clock`

const sends = (name: string, token = 'RT1'): string => `
  ${name} sends ${token}`

const decides = (name: string, token = 'RT1'): string => `
  the server decides ${name}'s ${token}`

const isRefused = (name: string): string => `
  ${name} receives invalid_grant
  ${name} settle >
  ${name} settle <`

const receives = (name: string): string => `
  ${name} receives tokens`

const commits = (name: string): string => `
  ${name} commit >
  ${name} commit <`

const stores = (name: string): string => receives(name) + commits(name)

const dies = (name: string): string => `
  ${name} dies`

const revokes = (token: string): string => `
  the server revokes ${token}`

const signsOut = (name: string, token = 'RT1'): string => `
  ${name} signs out
  ${name} inspect >
  ${name} inspect <
  ${name} end >
  ${name} end <
  the server revokes ${token}`

const LEASE = '\n  -- tick'.repeat(4)
const TWO_LEASES = '\n  -- two leases pass'

/** E1 has the only live token in its hands and has been paused; E0 came in doubt and was refused. */
const REFUSED_IN_DOUBT =
  claims('E1') + looks('E1') + sends('E1') + decides('E1') + TWO_LEASES +
  claims('E0') + looks('E0') + sends('E0') + decides('E0') + isRefused('E0') // prettier-ignore

export const TRACES: readonly Trace[] = [
  // ---- Seven ways to lose (REFRESH.md)
  {
    name: 'L1: a claim keeps the others out',
    scenario: STRICT,
    steps: claims('E0') + looks('E0') + sends('E0') + claims('E1') + looks('E1') + sends('E1'),
  },
  {
    name: 'L2: the lease is longer than the call',
    scenario: STRICT,
    steps: `${claims('E0')}\n  -- tick${looks('E0') + sends('E0') + claims('E1') + looks('E1') + sends('E1')}`,
  },
  {
    name: 'L3: a client that hangs up takes no answer with it',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0')}\n  a client hangs up\n  -- tick\n  -- tick${decides('E0') + stores('E0')}`,
  },
  {
    name: 'L4, VERIFY_FIRST: the answer is stored before it is verified',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0')}
      the server decides E0's RT1, with an ID Token
      E0 receives tokens
      E0 commit >
      E0 commit <
      E0 cannot fetch the keys`,
  },
  {
    name: 'L5, LAST_WRITE_WINS: who comes second stores nothing',
    scenario: REUSABLE,
    steps:
      claims('E1') + looks('E1') + sends('E1') + LEASE + claims('E0') + looks('E0') + sends('E0') +
      decides('E1') + decides('E0') + stores('E1') + stores('E0'), // prettier-ignore
  },
  {
    name: 'L6, COMMIT_CREATES: what is signed out stays so',
    scenario: STRICT,
    steps: claims('E1') + looks('E1') + sends('E1') + decides('E1') + receives('E1') + signsOut('E0') + commits('E1'),
  },
  {
    name: 'L7: a store that cannot be reached is no sign-out',
    scenario: STRICT,
    steps: '\n  E0 is asked for a token\n  E0 read > fails',
  },
  {
    name: 'L7: a 503 is no sign-out',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0')}
      the server answers E0 503
      E0 receives 503
      E0 settle >
      E0 settle <`,
  },

  // ---- Each rule, and what happens without it (model/README.md)
  {
    name: 'NO_CLOCK_CHECK',
    scenario: STRICT,
    steps: claims('E1') + TWO_LEASES + claims('E0') + looks('E0') + looks('E1') + sends('E1') + sends('E0'),
  },
  {
    name: 'NO_INTENT, LEASE_END_CLEARS_INTENT',
    scenario: STRICT,
    steps: claims('E1') + looks('E1') + LEASE + sends('E1') + claims('E0') + looks('E0') + sends('E0'),
  },
  {
    name: 'NO_DOUBT_WAIT',
    scenario: STRICT,
    steps:
      claims('E1') + looks('E1') + sends('E1') + decides('E1') + LEASE + claims('E0') + looks('E0') + stores('E1') + sends('E0'), // prettier-ignore
  },
  {
    name: 'NO_RIDE_OUT',
    scenario: { ...STRICT, lifetime: 200, left: 12 },
    steps: `${claims('E1')}\n  E1 dies${TWO_LEASES}${claims('E0')}${looks('E0')}${sends('E0')}`,
    rule: ({ promise }) =>
      promise.require(promise.presentations(1) === 0, 'RULE', 'a token that is still good is not ridden out'),
  },
  {
    name: 'COMMIT_BY_LEASE',
    scenario: STRICT,
    steps: claims('E1') + looks('E1') + sends('E1') + decides('E1') + LEASE + stores('E1'),
  },
  {
    name: 'REVOKE_LOSER',
    scenario: REUSABLE,
    steps:
      claims('E1') + looks('E1') + sends('E1') + LEASE + claims('E0') + looks('E0') + sends('E0') +
      decides('E1') + decides('E0') + stores('E0') + stores('E1') + revokes('RT2'), // prettier-ignore
  },
  {
    name: 'NO_REREAD',
    scenario: REFUSES,
    steps:
      claims('E1') + looks('E1') + TWO_LEASES + claims('E0') + looks('E0') + sends('E0') + decides('E0') + stores('E0') +
      sends('E1') + decides('E1') + isRefused('E1'), // prettier-ignore
  },
  {
    name: 'KILL_ANY_OWNER',
    scenario: REFUSES,
    steps:
      claims('E1') + looks('E1') + TWO_LEASES + claims('E0') + looks('E0') + sends('E0') + decides('E0') +
      sends('E1') + decides('E1') + isRefused('E1') + stores('E0'), // prettier-ignore
  },
  { name: 'NO_EXTRA_LEASE', scenario: REFUSES, steps: REFUSED_IN_DOUBT + stores('E1') },
  {
    name: 'REFUSAL_NOT_RECORDED',
    scenario: REFUSES,
    steps: REFUSED_IN_DOUBT + LEASE + claims('E0') + looks('E0') + sends('E0'),
  },
  {
    name: 'RELEASE_CLEARS_ALL',
    scenario: REFUSES,
    steps: `${claims('E1') + looks('E1') + sends('E1') + decides('E1') + TWO_LEASES + claims('E0')}
      E0 cannot connect
      E0 release >
      E0 release <
      -- tick${claims('E0') + looks('E0') + sends('E0') + decides('E0') + isRefused('E0') + stores('E1')}`,
  },
  {
    name: 'RELEASE_ANY_OWNER',
    scenario: STRICT,
    steps: `${claims('E1') + TWO_LEASES + claims('E0') + looks('E0') + looks('E1')}
      E1 release >
      E1 release <${claims('E1') + looks('E1') + sends('E1') + sends('E0')}`,
  },
  {
    name: 'NO_TOMBSTONE',
    scenario: STRICT,
    steps: `${signsOut('E0')}\n  E1 is asked for a token\n  E1 read >\n  E1 read <`,
    rule: ({ promise, trace }) =>
      promise.require(trace.some((line) => line.includes('the end-user has signed out')), 'RULE', 'nothing says why it ended'), // prettier-ignore
  },
  {
    name: 'SERVE_UNVERIFIED',
    scenario: STRICT,
    steps: `${claims('E1') + looks('E1') + sends('E1')}\n  the server decides E1's RT1, with a forged ID Token${stores('E1')}`,
  },
  {
    name: 'RIDE_OUT_GRACE',
    scenario: { ...GRACE, lifetime: 200, left: 12 },
    steps:
      claims('E1') + looks('E1') + sends('E1') + decides('E1') + dies('E1') + LEASE +
      claims('E0') + looks('E0') + sends('E0') + decides('E0') + stores('E0'), // prettier-ignore
  },
  {
    name: 'CACHE',
    scenario: { ...STILL_GOOD, cache: 2 },
    steps: `
      E1 is asked for a token
      E1 read >
      E1 read <${signsOut('E0')}
      -- two leases pass
      E1 is asked for a token`,
  },

  // ---- Not promised: the first two would be broken by the letter of P3 and P4
  {
    name: 'LITERAL_P3: one process serves what it could not store, another what is stored',
    scenario: STILL_GOOD,
    steps: `${claims('E1', 'to replace AT1/1') + looks('E1') + sends('E1') + decides('E1')}
      E1 receives tokens
      E1 commit > fails
      E0 is asked for a token
      E0 read >
      E0 read <`,
    rule: ({ promise, handedOut }) =>
      promise.require(
        handedOut.join() === 'AT2/2,AT1/1',
        'RULE',
        'a process that cannot store does not serve what it holds',
      ),
  },
  {
    name: 'LITERAL_P4: who has claimed before a sign-out may still send',
    scenario: STRICT,
    steps: claims('E1') + signsOut('E0') + looks('E1') + sends('E1') + decides('E1') + isRefused('E1'),
    rule: ({ promise }) => promise.require(promise.presentations(1) === 1, 'RULE', 'the trace is not what it says'),
  },

  // ---- Found by the schedules
  {
    name: 'an answer that cannot be stored at once is kept',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0') + decides('E0')}\n  E0 receives tokens\n  E0 commit > fails`,
  },
  {
    name: 'who shuts down stores what it holds first',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0') + decides('E0') + receives('E0')}
      E0 commit > fails
      E0 shuts down`,
  },
  {
    name: 'who shuts down waits for callers that may begin a refresh',
    scenario: { ...REFUSES, left: 40 },
    steps: `
      E0 signs out
      -- tick
      E0 inspect > is lost
      E0 is asked to replace AT1/1
      E0 read >
      E0 wakes
      E0 shuts down
      E0 read <
      E0 claim >
      E0 claim <${looks('E0') + sends('E0') + decides('E0')}
      -- tick
      E0 wakes (2)
      E0 receives tokens
      E0 wakes
      E0 inspect > fails
      -- tick
      E0 wakes (2)
      E0 inspect >
      E0 inspect <
      E0 end >
      E0 commit >
      E0 wakes
      E0 end <
      E0 commit <${revokes('RT1')}`,
  },
  {
    name: 'of two answers that a process holds the newer one counts',
    scenario: STRICT,
    steps: `${claims('E1', 'for a resource') + looks('E1') + sends('E1') + decides('E1') + receives('E1')}
      E1 commit >${claims('E1') + looks('E1') + sends('E1', 'RT2') + decides('E1', 'RT2') + receives('E1')}
      E1 commit > fails
      -- tick
      E1 wakes
      E1 wakes
      E1 wakes`,
  },
  {
    name: 'who has signed out does not serve what it could not store',
    scenario: REUSABLE,
    steps: `${claims('E1', 'for a resource') + looks('E1') + sends('E1') + decides('E1') + receives('E1')}
      E1 commit >${signsOut('E1', 'RT2')}
      -- tick
      E1 wakes
      E1 wakes
      E1 is asked for a resource`,
  },
  {
    name: 'a slow reader does not hand out an older token after a newer one',
    scenario: STILL_GOOD,
    steps: `
      E0 is asked to replace AT1/1
      E0 read >
      E0 read <
      E0 is asked for a token
      E0 read >
      E0 claim >
      E0 claim <${looks('E0') + sends('E0') + decides('E0') + stores('E0')}
      E0 read <`,
  },
  {
    name: 'a slow reader does not hand out an older token when the newer one has expired',
    scenario: { ...STILL_GOOD, lifetime: 3 },
    steps: `
      E0 is asked to replace AT1/1
      E0 read >
      E0 read <
      E0 is asked for a token
      E0 read >
      E0 claim >
      E0 claim <${looks('E0') + sends('E0') + decides('E0') + stores('E0')}
      -- tick
      -- tick
      -- tick
      E0 read <`,
  },
  {
    name: 'the age of what is cached counts from before it was asked for',
    scenario: { ...STILL_GOOD, cache: 2 },
    steps: `
      E1 is asked for a token
      E1 read >${signsOut('E0')}
      -- two leases pass
      E1 read <
      E1 is asked for a token`,
  },
  {
    name: 'what somebody else has stored meanwhile may be for another resource',
    scenario: STRICT,
    steps:
      claims('E0') + looks('E0') + TWO_LEASES + sends('E0') + claims('E1', 'for a resource') + looks('E1') +
      decides('E0') + stores('E0') + sends('E1') + decides('E1') + isRefused('E1'), // prettier-ignore
  },
  {
    name: 'a broken connection proves nothing: the request may still be decided',
    scenario: STRICT,
    steps: `${claims('E0') + looks('E0') + sends('E0')}
      E0's connection breaks
      E0 release >
      E0 release <
      -- tick${claims('E1') + looks('E1') + sends('E1')}`,
  },
  {
    name: 'what is not verified is not built upon',
    scenario: GRACE,
    steps: `
      E1 is asked for a resource
      E1 read >
      E1 read <${claims('E0') + looks('E0') + sends('E0')}
      the server decides E0's RT1, with a forged ID Token${stores('E0')}
      E1 claim >
      E1 claim <
      E1 claim >
      E1 claim <${looks('E1') + sends('E1', 'RT2') + decides('E1', 'RT2') + stores('E1')}
      E1 is asked for a token
      E1 read >
      E1 read <`,
  },
]
