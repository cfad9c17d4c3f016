import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { RedisStore } from 'connect-redis'
import { MemoryStore, type SessionData, type Store } from 'express-session'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import type { Runtime } from '../../lib/index.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import {
  COOKIE,
  faulty,
  OLDER_SECRET,
  signed,
  startSide,
  storedInMemory,
  type Act,
  type Answer,
  type Fault,
  type Side,
  type SideSettings,
  type Stored,
} from '../support/session-pair.ts'

/** Time stands still, for express-session and its stores too, but for what a test lets pass. */
let now = 0
const realNow = Date.now
beforeEach(() => {
  now = realNow()
  Date.now = () => now
})
afterEach(() => {
  Date.now = realNow
})

const runtime: Runtime = {
  now: () => now,
  monotonic: () => now,
  after: () => () => {},
  sleep: async () => {},
  fetch: globalThis.fetch,
}

/** A store of one side. */
interface Shelf {
  readonly store: Store
  stored(): Promise<Stored>
  put(id: string, data: SessionData): Promise<void>
  pass(ms: number): Promise<void>
}

type MakeShelf = (name: string) => Promise<Shelf>

const inMemory: MakeShelf = async () => {
  const store = new MemoryStore()
  return {
    store,
    stored: async () => storedInMemory(store, now),
    put: async (id, data) => new Promise((resolve) => store.set(id, data, () => resolve())),
    pass: async () => {},
  }
}

interface Step {
  readonly cookie: 'own' | 'none' | 'tampered' | 'unknown' | 'older' | 'foreign' | 'unsigned' | 'empty' | 'quoted'
    | 'own, then unknown' | 'unknown, then own' | 'parsed before' | 'parsed after' | 'seeded' | 'damaged' // prettier-ignore
  readonly path: '/' | '/guarded'
  readonly acts: readonly Act[]
  readonly passes: number
  readonly fault: Fault | undefined
}

interface Config {
  readonly maxAge: number | null
  readonly unset: 'keep' | 'destroy' | undefined
  readonly rolling: boolean
}

const IDLE_MS = 100_000
/** Of connect-redis; for the other there is none. */
const STORE_IDLE_MS = 86_400_000

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('read', 'id', 'delete', 'nested', 'who', 'look').map((name): Act => ({ act: name })),
  },
  { weight: 3, arbitrary: fc.constantFrom('a', 'b').map((value): Act => ({ act: 'write', value })) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('regenerate', 'destroy', 'save', 'reload', 'touch', 'null', 'unset', 'head', 'ask the store')
      .map((name): Act => ({ act: name })),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, 5_000, 300_000).map((value): Act => ({ act: 'maxAge', value })) },
)
const anyStep: fc.Arbitrary<Step> = fc.record({
  cookie: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Step['cookie']>('own') },
    {
      weight: 5,
      arbitrary: fc.constantFrom<Step['cookie']>('none', 'tampered', 'unknown', 'older', 'foreign', 'unsigned', 'empty', 'quoted',
        'own, then unknown', 'unknown, then own', 'parsed before', 'parsed after', 'seeded', 'damaged'), // prettier-ignore
    },
  ),
  path: fc.constantFrom<Step['path']>('/', '/', '/', '/guarded'),
  acts: fc.oneof(
    { weight: 2, arbitrary: fc.constant<readonly Act[]>([]) },
    { weight: 5, arbitrary: fc.array(act, { minLength: 1, maxLength: 4 }) },
  ),
  passes: fc.constantFrom(0, 0, 0, 0.004, 0.03, 0.3, 0.7, 1.5),
  fault: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom<Fault>('get', 'set', 'touch', 'destroy') },
  ),
})
const FIRST_WRITE: Step = {
  cookie: 'none',
  path: '/',
  acts: [{ act: 'write', value: 'a' }],
  passes: 0,
  fault: undefined,
}
/** Mostly of a browser that has a session. */
const anySteps: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.constantFrom([], [FIRST_WRITE], [FIRST_WRITE]), fc.array(anyStep, { minLength: 1, maxLength: 12 }))
  .map(([first, more]) => [...first, ...more])

const CONFIGS: readonly Config[] = [
  { maxAge: IDLE_MS, unset: undefined, rolling: false },
  { maxAge: null, unset: undefined, rolling: false },
  { maxAge: IDLE_MS, unset: 'destroy', rolling: false },
  { maxAge: IDLE_MS, unset: 'keep', rolling: true },
]

/** What a browser would send: the last that it was given. */
function cookieGiven(setCookie: readonly string[]): string | undefined {
  return setCookie
    .find((line) => line.startsWith(`${COOKIE}=`))
    ?.split(';', 1)[0]
    ?.slice(COOKIE.length + 1)
}

/** The session of a user who has signed in, whose grant nobody knows, and one that no session store would write. */
const seeded = (run: number): string => `${run}-seeded`
const damaged = (run: number): string => `${run}-damaged`

async function seed(shelf: Shelf, run: number, maxAge: number | null): Promise<void> {
  const cookie = {
    originalMaxAge: maxAge,
    expires: maxAge === null ? null : new Date(now + maxAge).toISOString(),
    secure: false,
    httpOnly: true,
    path: '/',
    sameSite: 'lax',
  }
  const user = { sub: 'alice' }
  const account = { provider: 'main', user, grantId: 'gone', scope: '', signedInAt: 1, sessionId: seeded(run) }
  await shelf.put(seeded(run), { cookie, latchkey: { main: { account } } } as never)
  await shelf.put(damaged(run), { cookie: 7, latchkey: { main: { account } } } as never)
}

function headersOf({ cookie }: Step, own: string | undefined, run: number, at: number): Record<string, string> {
  const step = { step: `${run}-${at}` }
  const mine = own ?? signed(`${run}-not-given-yet`)
  const [id = ''] = decodeURIComponent(mine).slice(2).split('.')
  const lines: Record<Step['cookie'], string | undefined> = {
    own: `other=1; ${COOKIE}=${mine}`,
    none: undefined,
    tampered: `${COOKIE}=${mine.slice(0, -3)}${mine.endsWith('abc') ? 'abd' : 'abc'}`,
    unknown: `${COOKIE}=${signed(`${run}-unknown`)}`,
    older: `${COOKIE}=${signed(id, OLDER_SECRET)}`,
    foreign: `${COOKIE}=${signed(id, 'of somebody else, and long enough')}`,
    unsigned: `${COOKIE}=${id}`,
    empty: `${COOKIE}=${signed('')}`,
    quoted: `${COOKIE}="${mine}"; b`,
    'own, then unknown': `${COOKIE}=${mine}; ${COOKIE}=${signed(`${run}-unknown`)}`,
    'unknown, then own': `${COOKIE}=${signed(`${run}-unknown`)}; ${COOKIE}=${mine}`,
    'parsed before': undefined,
    'parsed after': `${COOKIE}=${signed(`${run}-unknown`)}broken`,
    seeded: `${COOKIE}=${signed(seeded(run))}`,
    damaged: `${COOKIE}=${signed(damaged(run))}`,
  }
  const line = lines[cookie]
  return {
    ...step,
    ...(line !== undefined && { cookie: line }),
    ...(cookie.startsWith('parsed') && { [cookie.replace(' ', '-')]: id }),
  }
}

/** The id that a request would be answered with. */
function idIn(headers: Record<string, string>): string[] {
  return [...(headers['cookie'] ?? '').matchAll(/s%3A([^.]*)\./g)].map(([, id = '']) => id)
}

/** An error is not told in the same words, and a store that keeps the time of a touch in the session has that of another. */
function comparable(answer: Answer | undefined): unknown {
  if (answer?.status === 503) return { ...answer, text: '' }
  return { ...answer, text: answer?.text.replaceAll(/"expires":"[^"]+"/g, '"expires":"some time"') }
}

/** Two applications that differ in nothing but in who mounts express-session. */
interface Pair {
  /** Ids are of one run alone. */
  sideBySide(steps: readonly Step[]): Promise<void>
  close(): Promise<void>
}

async function startPair(makeShelf: MakeShelf, { maxAge, unset, rolling }: Config): Promise<Pair> {
  let fault: Fault | undefined
  let runs = 0
  const options = { cookie: maxAge === null ? {} : { maxAge }, rolling, ...(unset !== undefined && { unset }) }
  const start = async (mounts: SideSettings['mounts']): Promise<{ shelf: Shelf; side: Side }> => {
    const shelf = await makeShelf(mounts)
    return { shelf, side: await startSide({ store: faulty(shelf.store, () => fault), options, runtime, mounts }) }
  }
  const plain = await start('express-session')
  const lazy = await start('latchkey alone')
  const pass = async (ms: number): Promise<void> => {
    now += ms
    for (const { shelf } of [plain, lazy]) await shelf.pass(ms)
  }

  async function sideBySide(steps: readonly Step[]): Promise<void> {
    const run = (runs += 1)
    let own: string | undefined
    for (const { shelf } of [plain, lazy]) await seed(shelf, run, maxAge)
    for (const [at, one] of steps.entries()) {
      const headers = headersOf(one, own, run, at)
      await pass(Math.round(one.passes * (maxAge ?? IDLE_MS)))
      // In the last tenth of its time a session may have ended on one side alone.
      const before = await plain.shelf.stored()
      const ending = [...idIn(headers), headers['parsed-before'] ?? ''].map((id) => before.get(id))
      for (const found of ending) if (found !== undefined && isEnding(found)) await pass(found.leftMs + 1)

      fault = one.fault
      const [expected, got] = await Promise.all([plain, lazy].map(({ side }) => side.ask(headers, one.acts, one.path)))
      fault = undefined

      expect(comparable(got)).toEqual(comparable(expected))
      own = cookieGiven(expected?.setCookie ?? []) ?? own
      expectSame(await plain.shelf.stored(), await lazy.shelf.stored(), run)
    }
  }

  return {
    sideBySide,
    async close() {
      await Promise.all([plain.side.close(), lazy.side.close()])
    },
  }
}

function idleMs({ data }: { data: Record<string, unknown> }): number {
  return (data['cookie'] as { originalMaxAge: number | null }).originalMaxAge ?? STORE_IDLE_MS
}

/** Redis counts real milliseconds, too. */
const SLACK_MS = 2_000

function toleranceMs(one: { data: Record<string, unknown> }): number {
  return Math.min(idleMs(one) / 10, 60_000) + SLACK_MS
}

function isEnding(one: { data: Record<string, unknown>; leftMs: number }): boolean {
  return one.leftMs <= toleranceMs(one)
}

/** @param run whose sessions count: what an earlier one left behind would be found again with any smaller example. */
function expectSame(expected: Stored, got: Stored, run: number): void {
  for (const id of new Set([...expected.keys(), ...got.keys()])) {
    if (!id.startsWith(`${run}-`)) continue
    const [one, other] = [expected.get(id), got.get(id)]
    const either = one ?? other
    if (either === undefined) continue
    if ((one === undefined || other === undefined) && isEnding(either)) continue
    expect({ id, data: other?.data }).toEqual({ id, data: one?.data })
    if (one === undefined || other === undefined || one.leftMs === other.leftMs) continue
    expect(Math.abs(one.leftMs - other.leftMs)).toBeLessThanOrEqual(toleranceMs(one))
  }
}

async function expectEquality(makeShelf: MakeShelf, config: Config, numRuns: number): Promise<void> {
  const pair = await startPair(makeShelf, config)
  try {
    const property = fc.asyncProperty(anySteps, (steps) => pair.sideBySide(steps))
    await fc.assert(property, { numRuns })
  } finally {
    await pair.close()
  }
}

describe('a session that is opened when it is needed is as one that express-session opens on every request', () => {
  test.each(CONFIGS)('in memory: %j', async (config) => expectEquality(inMemory, config, 25), 60_000)

  describe('in Redis', () => {
    let server: RedisServer
    let client: Redis
    beforeAll(async () => {
      server = await startRedis()
      client = new Redis(server.port, { enableAutoPipelining: true })
    })
    afterAll(async () => {
      client.disconnect()
      await server.close()
    })

    const inRedis: MakeShelf = async (name) => {
      const prefix = `${name}:`
      for (const key of await client.keys(`${prefix}*`)) await client.del(key)
      const store = new RedisStore({ client, prefix })
      return {
        store,
        async stored() {
          const all: Stored = new Map()
          for (const key of await client.keys(`${prefix}*`)) {
            const [text, leftMs] = [await client.get(key), await client.pttl(key)]
            if (text === null) continue
            all.set(key.slice(prefix.length), { data: JSON.parse(text) as Record<string, unknown>, leftMs })
          }
          return all
        },
        put: async (id, data) => new Promise((resolve) => void store.set(id, data, () => resolve())),
        async pass(ms) {
          if (ms === 0) return
          for (const key of await client.keys(`${prefix}*`)) {
            const left = (await client.pttl(key)) - ms
            await (left > 0 ? client.pexpire(key, left) : client.del(key))
          }
        },
      }
    }

    test.each(CONFIGS)('through connect-redis: %j', async (config) => expectEquality(inRedis, config, 10), 60_000)
  })
})
