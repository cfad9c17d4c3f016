// Orders of events that have broken the promise, or break it as soon as one rule is left out: those of the model's README, and what the
// schedules have found. Each is played once more; that each can fail is shown by `mutations.test.ts`.
import { describe, expect, test } from '@jest/globals'
import { play } from './schedules/shorten.ts'
import { TRACES } from './schedules/traces.ts'

describe('the refresh promise, in the traces that break it without one rule', () => {
  test.each(TRACES)('$name', async (trace) => {
    const world = await play(trace)

    expect(world.promise.violation).toBeUndefined()
  })
})
