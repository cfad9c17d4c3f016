import { beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker, type Admission } from '../lib/breaker.ts'

describe('the circuit breaker of one server', () => {
  let now: number
  let breaker: Breaker

  beforeEach(() => {
    now = 1_000
    breaker = new Breaker(() => now)
  })

  /** A request that must be let in. */
  function enter(): Admission {
    const admission = breaker.enter()
    if (admission === undefined) throw new Error(`kept out for ${breaker.pauseMs} ms`)
    return admission
  }

  /** As requests do that come one after the other. @returns the pause after them. */
  function fail(times: number): number {
    for (let n = 0; n < times; n += 1) enter().failed()
    return breaker.pauseMs
  }

  test('stays closed through four failures, and an answer makes them forgotten', () => {
    expect(fail(4)).toBe(0)
    enter().succeeded()
    expect(fail(4)).toBe(0)
  })

  test('is closed at first, whatever its clock reads', () => {
    now = -300_000

    expect(new Breaker(() => now).enter()).toBeDefined()
  })

  test('opens at the fifth failure in a row, for half a second to a second', () => {
    const pauseMs = fail(5)

    expect(pauseMs).toBeGreaterThanOrEqual(500)
    expect(pauseMs).toBeLessThanOrEqual(1_000)
    expect(breaker.enter()).toBeUndefined()
  })

  test('requests that were under way when it opened do not lengthen the pause', () => {
    const admissions = Array.from({ length: 20 }, enter)
    for (const admission of admissions.slice(0, 5)) admission.failed()
    const { pauseMs } = breaker

    for (const admission of admissions.slice(5)) admission.failed()

    expect(breaker.pauseMs).toBe(pauseMs)
  })

  test('requests that were under way when it closed do not open it again', () => {
    const late = Array.from({ length: 5 }, enter)
    fail(5)
    now += 1_000
    enter().succeeded()

    expect(late.map((admission) => admission.failed())).toEqual(Array(5).fill(false))
    expect(breaker.pauseMs).toBe(0)
  })

  test('a request that fails twice, for who waits for it and in the end, counts once', () => {
    const admissions = Array.from({ length: 4 }, enter)

    for (const admission of [...admissions, ...admissions]) admission.failed()

    expect(breaker.pauseMs).toBe(0)
  })

  test('after the pause one request tries, and the others stay out', () => {
    now += fail(5)

    expect(enter().isProbe).toBe(true)
    expect(breaker.enter()).toBeUndefined()
    expect(breaker.pauseMs).toBeGreaterThan(0)
  })

  test('the others stay out for as long as that one takes', () => {
    now += fail(5)
    enter()

    now += 7_900

    expect(breaker.enter()).toBeUndefined()
  })

  test('one that ends without a word does not keep it open for ever', () => {
    now += fail(5)
    enter().left()

    expect(breaker.enter()).toBeDefined()
  })

  describe('while one tries it, no other ends that:', () => {
    const others: [string, () => Admission][] = [
      ['one that was let in before it opened', () => earlier],
      ['one that tried it before, and failed', () => triedBefore],
    ]
    let earlier: Admission
    let triedBefore: Admission
    let probe: Admission
    beforeEach(() => {
      earlier = enter()
      now += fail(5)
      triedBefore = enter()
      triedBefore.failed()
      now += breaker.pauseMs
      probe = enter()
    })

    test.each(others)('%s, when it leaves', (_who, which) => {
      which().left()

      expect([probe.isProbe, breaker.enter()]).toEqual([true, undefined])
    })

    test.each(others)('%s, when it fails', (_who, which) => {
      which().failed()
      now += 60_000

      expect([probe.isProbe, breaker.enter()]).toEqual([true, undefined])
    })

    test('and its own failure is heard', () => {
      probe.failed()

      expect(probe.isProbe).toBe(false)
      expect(breaker.pauseMs).toBeGreaterThanOrEqual(2_000)
    })

    test.each(others)('but an answer that %s gets opens it for all', (_who, which) => {
      expect(which().succeeded()).toBe(true)

      expect(breaker.pauseMs).toBe(0)
      expect(probe.succeeded()).toBe(false)
    })
  })

  test('closes when it gets an answer', () => {
    now += fail(5)
    enter().succeeded()

    expect([enter().isProbe, enter().isProbe]).toEqual([false, false])
    expect(fail(4)).toBe(0)
  })

  test('opens again when it gets none, for twice as long each time, up to half a minute', () => {
    now += fail(5)
    const pauses = Array.from({ length: 8 }, () => {
      const pauseMs = fail(1)
      now += pauseMs
      return pauseMs
    })

    pauses.forEach((pauseMs, n) => {
      const most = Math.min(2_000 * 2 ** n, 30_000)
      expect(pauseMs).toBeGreaterThanOrEqual(most / 2)
      expect(pauseMs).toBeLessThanOrEqual(most)
    })
  })

  test('may open sooner, and for less long, where there is somebody else to ask', () => {
    breaker = new Breaker(() => now, { failuresToOpen: 1, firstPauseMs: 200, maxPauseMs: 500 })

    const pauses = Array.from({ length: 4 }, () => {
      const pauseMs = fail(1)
      now += pauseMs
      return pauseMs
    })

    expect(pauses[0]).toBeGreaterThanOrEqual(100)
    expect(pauses[0]).toBeLessThanOrEqual(200)
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(250)
    expect(pauses.at(-1)).toBeLessThanOrEqual(500)
  })

  test('a pause that the server asks for once is for one grant: others may go on', () => {
    enter().failed(7_000)

    expect(breaker.enter()).toBeDefined()
  })

  test('opens for as long as the server asks for, if that is longer', () => {
    fail(4)
    enter().failed(20_000)

    expect(breaker.pauseMs).toBe(20_000)
    now += 20_000
    expect(breaker.enter()).toBeDefined()
  })
})
