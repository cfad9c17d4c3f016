import fc from 'fast-check'
import { Violation } from './promise.ts'
import { shorten } from './shorten.ts'
import type { Kind, Step } from './steps.ts'
import { World, type Scenario } from './world.ts'

/** How often each kind of step comes, relative to the others. */
type Weights = Readonly<Record<Kind, number>>

export interface Schedule {
  readonly scenario: Scenario
  readonly weights: Weights
  /** Which of the possible steps comes next, each in 65,536ths of the weight of them all. */
  readonly choices: readonly number[]
  /** How many in a hundred of the things under way take their time, and which. */
  readonly slowness: number
  readonly luck: readonly number[]
}

const MAX_STEPS = 100
/** What is slow comes so much more rarely. */
const SLOWNESS = 50

const rarely = (...weights: number[]): fc.Arbitrary<number> => fc.constantFrom(0, ...weights)

/** Each run has its own mood: some know no fault at all, some little else. */
export const schedules: fc.Arbitrary<Schedule> = fc.record({
  scenario: fc.record({
    reuse: fc.constantFrom('revokes' as const, 'refuses' as const, 'grace' as const, 'reusable' as const),
    processes: fc.constantFrom(2, 3),
    lifetime: fc.constantFrom(40, 3, 12),
    left: fc.constantFrom(-400, -400, 1, 3, 40, 40),
    cache: fc.constantFrom(0, 0, 2),
  }),
  weights: fc.record({
    go: fc.constantFrom(40, 20),
    call: fc.constantFrom(1, 3),
    time: fc.constantFrom(1, 3, 10),
    leases: rarely(0, 0.5, 2),
    pause: rarely(0, 1, 3),
    'store-fault': rarely(0, 1, 4),
    'server-fault': rarely(0, 1, 4),
    crash: rarely(0, 0.3, 1),
    'sign-out': rarely(0, 0, 0.2, 1),
    identity: rarely(0, 0, 0, 4),
  }),
  slowness: fc.constantFrom(0, 10, 30),
  luck: fc.noBias(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 20, maxLength: 40 })),
  choices: fc.noBias(
    fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 20, maxLength: MAX_STEPS, size: 'max' }),
  ),
})

/** Runs one schedule to its end. @throws {Violation} */
export async function run(world: World, { weights, choices }: Schedule): Promise<void> {
  await world.begin()
  for (const choice of choices) {
    if (world.isOver) break
    await world.take(choose(world.possible(), weights, choice))
  }
  await world.conclude()
}

export function worldOf({ scenario, slowness, luck }: Schedule): World {
  return new World(scenario, (nth) => (luck[nth % luck.length] ?? 100) < slowness)
}

function choose(steps: readonly Step[], weights: Weights, choice: number): Step {
  let total = 0
  for (const step of steps) total += weightOf(step, weights)
  let at = (choice / 65_536) * total
  for (const step of steps) {
    at -= weightOf(step, weights)
    if (at < 0) return step
  }
  throw new Error('nothing can happen any more; time always can')
}

function weightOf({ kind, isSlow }: Step, weights: Weights): number {
  return isSlow === true ? weights[kind] / SLOWNESS : weights[kind]
}

export interface Exploration {
  readonly runs: number
  readonly seed: number
}

export interface Found {
  readonly runs: number
  readonly violation: Violation | undefined
  /** What to run again, and the shortest trace that was found to do it. */
  readonly report: string
}

/**
 * Runs as many schedules until one violates the promise. That one is made shorter step by step rather than by fast-check's choices: the
 * names of the steps stay the same when one is left out, and what remains reads like a trace of the model.
 */
export async function explore({ runs, seed }: Exploration): Promise<Found> {
  let failed: { schedule: Schedule; trace: readonly string[]; error: unknown } | undefined
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const world = worldOf(schedule)
    try {
      await run(world, schedule)
    } catch (error) {
      failed ??= { schedule, trace: world.trace, error }
      throw error
    }
  })
  const { numRuns, counterexamplePath } = await fc.check(property, { numRuns: runs, seed, endOnFailure: true })
  if (failed === undefined) return { runs: numRuns, violation: undefined, report: '' }
  const { schedule, error, trace } = failed
  if (!(error instanceof Violation)) throw error
  const shortest = await shorten(schedule.scenario, trace, error.property)
  const report = [
    error.message,
    `seed ${seed}, schedule ${counterexamplePath}, ${JSON.stringify(schedule.scenario)}`,
    ...shortest.map((line) => `    ${line}`),
  ].join('\n')
  return { runs: numRuns, violation: error, report }
}
