import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { MemoryStore, type SessionData } from 'express-session'
import { latchkey } from '../../lib/index.ts'
import { oidc } from '../../lib/providers/index.ts'
import { SessionReader } from '../../lib/session/session-reader.ts'
import { SECRET } from '../support/app.ts'
import { TestClock } from '../support/clock.ts'
import { until } from '../support/until.ts'
import { COOKIE, signed, startSide, type Act, type Side } from '../support/session-pair.ts'

const ID = 'of-alice'
const IDLE_MS = 100_000

/** Notes what it is asked for. */
class NotingStore extends MemoryStore {
  #note = ''
  readonly calls: string[] = []
  /** Answers to reads wait for this. */
  gate: Promise<void> | undefined
  /** Deletions too. */
  deletion: Promise<void> | undefined

  get note(): string {
    return this.#note
  }

  set note(note: string) {
    this.#note = `${note} by the store`
  }

  override get(id: string, done: (error: unknown, found?: SessionData | null) => void): void {
    this.calls.push('get')
    const { gate } = this
    super.get(
      id,
      (error, found) => void (gate === undefined ? done(error, found) : gate.then(() => done(error, found))),
    )
  }

  override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
    this.calls.push('set')
    super.set(id, session, done)
  }

  override destroy(id: string, done?: (error?: unknown) => void): void {
    this.calls.push('destroy')
    if (this.deletion === undefined) super.destroy(id, done)
    else void this.deletion.then(() => super.destroy(id, done))
  }

  override touch(id: string, session: SessionData, done?: () => void): void {
    this.calls.push('touch')
    super.touch(id, session, done)
  }
}

let store: NotingStore
let clock: TestClock
let sides: Side[]

beforeEach(async () => {
  store = new NotingStore()
  clock = new TestClock()
  sides = []
  const cookie = { originalMaxAge: IDLE_MS, expires: new Date(clock.now() + 86_400_000), httpOnly: true, path: '/' }
  const account = { provider: 'main', user: { sub: 'alice' }, grantId: 'g', scope: '', signedInAt: 1, sessionId: ID }
  await new Promise((resolve) =>
    store.set(ID, { cookie, latchkey: { main: { account } }, text: 'first' } as never, resolve),
  )
  store.calls.length = 0
})
afterEach(async () => {
  for (const side of sides) await side.close()
})

/** A process of the application. */
async function start(
  cacheMs = 0,
): Promise<(act: Act, method?: string, headers?: Readonly<Record<string, string>>) => Promise<unknown>> {
  const options = { cookie: { maxAge: IDLE_MS } }
  const side = await startSide({ store, options, runtime: clock, mounts: 'latchkey alone', cacheMs })
  sides.push(side)
  return async (act, method = 'GET', headers = {}) => {
    const answer = await side.ask({ cookie: `${COOKIE}=${signed(ID)}`, ...headers }, [act], '/', method)
    return (JSON.parse(answer.text) as unknown[])[0]
  }
}

const WHO: Act = { act: 'who' }
const READ: Act = { act: 'read' }
const ALICE = [true, 'alice']
const NOBODY = [false, null]

describe('a session that is only read', () => {
  test('is asked for once a request, and touched once in a tenth of its idle time', async () => {
    const ask = await start()
    expect(await ask(WHO)).toEqual(ALICE)
    expect(store.calls).toEqual(['get', 'touch'])

    for (let request = 0; request < 5; request += 1) expect(await ask(WHO)).toEqual(ALICE)
    expect(store.calls).toEqual(['get', 'touch', 'get', 'get', 'get', 'get', 'get'])

    store.calls.length = 0
    clock.advance({ ms: IDLE_MS / 10 })
    await ask(WHO)
    await ask(WHO)
    expect(store.calls).toEqual(['get', 'touch', 'get'])
  })

  test('is not asked for without its cookie', async () => {
    await start()
    await sides[0]?.ask({}, [WHO])
    await sides[0]?.ask({ cookie: `${COOKIE}=${signed(ID, 'another secret, of somebody else')}` }, [WHO])

    expect(store.calls).toEqual([])
  })

  test('was signed out in another process: that is seen at once', async () => {
    const [here, there] = [await start(), await start()]
    expect(await here(WHO)).toEqual(ALICE)
    await there({ act: 'destroy' })

    expect(await here(WHO)).toEqual(NOBODY)
  })

  test('is in a store that the application can use as its own', async () => {
    const ask = await start()

    expect(await ask({ act: 'inspect the store' })).toEqual({
      length: 1,
      ids: [ID],
      told: 3,
      note: 'kept by the store',
    })
    expect(store.note).toBe('kept by the store')
  })
})

describe('with cacheMs', () => {
  test('the store is asked once in that time', async () => {
    const ask = await start(1_000)
    await ask(WHO) // touches
    store.calls.length = 0
    for (let request = 0; request < 3; request += 1) expect(await ask(WHO)).toEqual(ALICE)
    expect(store.calls).toEqual(['get'])

    clock.advance({ ms: 1_000 })
    await ask(WHO)
    expect(store.calls).toEqual(['get', 'get'])
  })

  test('the age counts from before the store was asked', async () => {
    const ask = await start(1_000)
    await ask(WHO)
    let open: () => void = () => {}
    store.gate = new Promise((resolve) => (open = resolve))
    store.calls.length = 0
    const slow = ask(WHO)
    await until(() => store.calls.length > 0, 'the read')
    clock.advance({ ms: 1_000 })
    open()
    await slow

    await ask(WHO)
    expect(store.calls).toEqual(['get', 'get'])
  })

  test('a sign-out in another process is seen within it, and by a POST at once', async () => {
    const [here, there] = [await start(1_000), await start(1_000)]
    await here(WHO)
    await here(WHO)
    await there({ act: 'destroy' })

    expect(await here(WHO)).toEqual(ALICE)
    expect(await here(WHO, 'POST')).toEqual(NOBODY)
    clock.advance({ ms: 1_000 })
    expect(await here(WHO)).toEqual(NOBODY)
  })

  test('a sign-out in another process is seen at once by a stream of events, which goes on for long', async () => {
    const [here, there] = [await start(1_000), await start(1_000)]
    await here(WHO)
    await here(WHO)
    await there({ act: 'destroy' })

    expect(await here(WHO)).toEqual(ALICE)
    expect(await here(WHO, 'GET', { accept: 'text/event-stream' })).toEqual(NOBODY)
  })

  test.each<Act>([{ act: 'destroy' }, { act: 'regenerate' }])(
    'what ends it in this process is seen at once: %j',
    async (end) => {
      const ask = await start(60_000)
      await ask(WHO)
      await ask(WHO)
      await ask(end)

      expect(await ask(WHO)).toEqual(NOBODY)
    },
  )

  test('a read while it is deleted does not bring it back, whether or not the application waits for that', async () => {
    const ask = await start(60_000)
    await ask(WHO)
    let open: () => void = () => {}
    store.deletion = new Promise((resolve) => (open = resolve))
    await ask({ act: 'destroy unheard' })
    expect(store.calls).toContain('destroy')
    expect(await ask(WHO)).toEqual(ALICE)
    open()
    await store.deletion
    await new Promise(setImmediate)

    expect(await ask(WHO)).toEqual(NOBODY)
  })

  test('one that is deleted between being found and being used is not there', async () => {
    const reader = new SessionReader(store, 60_000, () => clock.monotonic())
    await reader.read(ID, 'as-cached')
    const again = reader.read(ID, 'as-cached')
    reader.store.destroy(ID)

    expect(await again).toBeUndefined()
  })

  test('what is written in this process is seen at once', async () => {
    const ask = await start(60_000)
    await ask(READ)
    await ask(READ)
    await ask({ act: 'write', value: 'second' }, 'POST')

    expect(await ask(READ)).toMatchObject({ text: 'second' })
  })

  test('a slow read does not bring back what was there before', async () => {
    const ask = await start(60_000)
    await ask(WHO)
    let open: () => void = () => {}
    store.gate = new Promise((resolve) => (open = resolve))
    store.calls.length = 0
    const slow = ask(WHO)
    await until(() => store.calls.length > 0, 'the read')
    store.gate = undefined
    await ask({ act: 'write', value: 'second' }, 'POST')
    open()

    expect(await slow).toEqual(ALICE)
    expect(await ask(READ)).toMatchObject({ text: 'second' })
  })

  test('that somebody else has emptied the store is seen at once', async () => {
    const ask = await start(60_000)
    await ask(WHO)
    await ask(WHO)
    await sides[0]?.ask({}, [{ act: 'empty the store' }])

    expect(await ask(WHO)).toEqual(NOBODY)
  })

  test('a slow read does not bring back what was cleared meanwhile', async () => {
    const ask = await start(60_000)
    await ask(WHO)
    let open: () => void = () => {}
    store.gate = new Promise((resolve) => (open = resolve))
    store.calls.length = 0
    const slow = ask(WHO)
    await until(() => store.calls.length > 0, 'the read')
    store.gate = undefined
    await sides[0]?.ask({}, [{ act: 'empty the store' }])
    open()

    expect(await slow).toEqual(ALICE)
    expect(await ask(WHO)).toEqual(NOBODY)
  })

  test('a handler that changes what it was given changes it for nobody else', async () => {
    const ask = await start(60_000)
    await ask(WHO)
    expect(await ask({ act: 'deface' })).toBe('mallory')
    expect(await ask({ act: 'deface' })).toBe('mallory')

    expect(await ask(WHO)).toEqual(ALICE)
  })

  test.each([-1, Number.NaN, '1s', null])('%p is refused', (cacheMs) => {
    const options = {
      baseUrl: 'http://127.0.0.1:3000',
      provider: oidc({ issuer: 'http://127.0.0.1:9', clientId: 'a', clientSecret: 'b' }),
      secret: SECRET,
      session: { cacheMs: cacheMs as number },
    }
    expect(() => latchkey(options)).toThrow(/"session\.cacheMs" must be milliseconds, 0 or more/)
  })
})
