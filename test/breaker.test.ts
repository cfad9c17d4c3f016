import { beforeEach, describe, expect, test } from '@jest/globals'
import { Breaker } from '../lib/breaker.ts'

describe('the circuit breaker of one server', () => {
  let now: number
  let breaker: Breaker

  beforeEach(() => {
    now = 1_000
    breaker = new Breaker(() => now)
  })

  /** As requests do that come one after the other. @returns the pause after them. */
  function fail(times: number): number {
    for (let n = 0; n < times; n += 1) {
      expect(breaker.enter()).toBe(0)
      breaker.failed()
    }
    return breaker.pauseMs
  }

  test('stays closed through four failures, and an answer makes them forgotten', () => {
    expect(fail(4)).toBe(0)
    breaker.succeeded()
    expect(fail(4)).toBe(0)
  })

  test('is closed at first, whatever its clock reads', () => {
    now = -300_000

    expect(new Breaker(() => now).enter()).toBe(0)
  })

  test('opens at the fifth failure in a row, for half a second to a second', () => {
    const pauseMs = fail(5)

    expect(pauseMs).toBeGreaterThanOrEqual(500)
    expect(pauseMs).toBeLessThanOrEqual(1_000)
    expect(breaker.enter()).toBe(pauseMs)
  })

  test('requests that were under way when it opened do not lengthen the pause', () => {
    for (let n = 0; n < 20; n += 1) expect(breaker.enter()).toBe(0)
    for (let n = 0; n < 5; n += 1) breaker.failed()
    const { pauseMs } = breaker

    for (let n = 0; n < 15; n += 1) breaker.failed()

    expect(breaker.pauseMs).toBe(pauseMs)
  })

  test('after the pause one request tries, and the others stay out', () => {
    now += fail(5)

    expect(breaker.enter()).toBe(0)
    expect(breaker.enter()).toBeGreaterThan(0)
    expect(breaker.pauseMs).toBeGreaterThan(0)
  })

  test('the others stay out for as long as that one takes', () => {
    now += fail(5)
    expect(breaker.enter()).toBe(0)

    now += 7_900

    expect(breaker.enter()).toBeGreaterThan(0)
  })

  test('one that ends without a word does not keep it open for ever', () => {
    now += fail(5)
    expect(breaker.enter()).toBe(0)
    breaker.left()

    expect(breaker.enter()).toBe(0)
  })

  test('one that was let in before it opened does not end the probe, neither when it leaves nor when it fails', () => {
    expect([breaker.enter(), breaker.enter()]).toEqual([0, 0])
    now += fail(5)
    expect([breaker.enter(), breaker.isProbing]).toEqual([0, true])

    breaker.left(false)
    expect(breaker.enter()).toBeGreaterThan(0)
    breaker.failed(0, false)
    expect([breaker.enter() > 0, breaker.isProbing]).toEqual([true, true])

    breaker.failed()
    expect(breaker.isProbing).toBe(false)
    expect(breaker.pauseMs).toBeGreaterThanOrEqual(1_000)
  })

  test('closes when it gets an answer', () => {
    now += fail(5)
    expect(breaker.enter()).toBe(0)
    breaker.succeeded()

    expect([breaker.enter(), breaker.enter()]).toEqual([0, 0])
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
    expect(breaker.enter()).toBe(0)
    breaker.failed(7_000)

    expect(breaker.enter()).toBe(0)
  })

  test('opens for as long as the server asks for, if that is longer', () => {
    for (let n = 0; n < 4; n += 1) breaker.failed()
    breaker.failed(20_000)

    expect(breaker.pauseMs).toBe(20_000)
    now += 20_000
    expect(breaker.enter()).toBe(0)
  })
})
