import { describe, expect, test } from '@jest/globals'
import { Cookie, type SessionData } from 'express-session'
import { MemorySessionStore } from '../../lib/session/memory-session-store.ts'
import { startTestApp } from '../support/app.ts'

function sessionWith(maxAge: number | null, more: object = {}): SessionData {
  const cookie = new Cookie()
  cookie.originalMaxAge = maxAge
  return Object.assign({ cookie }, more) as SessionData
}

function manualClock(): { now: () => number; advance: (ms: number) => Promise<void> } {
  let time = Date.UTC(2030, 0, 1)
  return {
    now: () => time,
    async advance(ms) {
      time += ms
      await new Promise((resolve) => setTimeout(resolve, 5)) // the cache asks for the time once per millisecond
    },
  }
}

const read = (store: MemorySessionStore, id: string): Promise<SessionData | null | undefined> =>
  new Promise((resolve) => store.get(id, (_error, data) => resolve(data)))

describe('sessions in memory', () => {
  test('are bounded: the one that was used longest ago goes', async () => {
    const store = new MemorySessionStore(Date.now, 2)
    store.set('first', sessionWith(null))
    store.set('second', sessionWith(null))
    await read(store, 'first')
    store.set('third', sessionWith(null))

    expect(await read(store, 'first')).toBeTruthy()
    expect(await read(store, 'second')).toBeNull()
    expect(await read(store, 'third')).toBeTruthy()
  })

  test('expire with their cookie, by the given clock, and live on while they are used', async () => {
    const clock = manualClock()
    const store = new MemorySessionStore(clock.now)
    store.set('a', sessionWith(60_000))
    await clock.advance(59_000)
    store.touch('a', sessionWith(60_000))
    await clock.advance(59_000)
    expect(await read(store, 'a')).toBeTruthy()
    await clock.advance(61_000)

    expect(await read(store, 'a')).toBeNull()
  })

  test('without a limit of the cookie expire after a day without use', async () => {
    const clock = manualClock()
    const store = new MemorySessionStore(clock.now)
    store.set('a', sessionWith(null))
    await clock.advance(23 * 3_600_000)
    expect(await read(store, 'a')).toBeTruthy()
    await clock.advance(25 * 3_600_000)

    expect(await read(store, 'a')).toBeNull()
  })

  test('a touch does not bring back what has ended, and changes nothing', async () => {
    const store = new MemorySessionStore(Date.now)
    store.set('a', sessionWith(null, { visits: 1 }))
    store.touch('a', sessionWith(null, { visits: 2 }))
    expect(await read(store, 'a')).toMatchObject({ visits: 1 })
    store.destroy('a')
    store.touch('a', sessionWith(null))

    expect(await read(store, 'a')).toBeNull()
  })

  test('what one request changes another sees only when it is stored', async () => {
    const store = new MemorySessionStore(Date.now)
    const mine = sessionWith(null, { list: [1] }) as SessionData & { list: number[] }
    store.set('a', mine)
    mine.list.push(2)

    expect(await read(store, 'a')).toMatchObject({ list: [1] })
  })

  test('end in the application as well: a day without a request signs out', async () => {
    const site = await startTestApp()
    try {
      const browser = await site.signedIn()
      site.clock.advance({ seconds: 23 * 3_600 })
      expect((await browser.get(`${site.url}/me`)).status).toBe(200)
      site.clock.advance({ seconds: 25 * 3_600 })

      expect((await browser.get(`${site.url}/me`)).status).toBe(401)
    } finally {
      await site.close()
    }
  })
})
