// P1 to P7 (REFRESH.md), asserted on every run, over schedules: the engine in two or three processes, one store, one strict authorization
// server; expiries, sign-outs, deaths, pauses of any length, lost and late requests and answers between any two steps.
//
//     SCHEDULES=200000 npm test -- test/grants/schedules.test.ts            more of them
//     SEED=1234 npm test -- test/grants/schedules.test.ts                   those of a seed that was printed, in the same order
//
// Half of the schedules are the same in every run; the others begin at a seed that is printed. A violation is printed with its seed and the
// shortest trace that was found, whose lines can be put into `schedules/traces.ts` as they are.
import { randomInt } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { explore } from './schedules/explore.ts'

const SCHEDULES = Number(process.env['SCHEDULES'] ?? 10_000)
const SEED = process.env['SEED']
const TIMEOUT_MS = 5 * 60_000 + SCHEDULES * 50

const runs = SEED === undefined ? SCHEDULES / 2 : SCHEDULES
const seeds = SEED === undefined ? [1, randomInt(2 ** 31)] : [Number(SEED)]

describe('the refresh promise, over schedules', () => {
  test.each(seeds)(
    'seed %i: P1 to P7 hold on every one',
    async (seed) => {
      const found = await explore({ runs, seed })

      expect(found.report).toBe('')
      expect(found.runs).toBe(runs)
    },
    TIMEOUT_MS,
  )
})
