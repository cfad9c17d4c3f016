// The suite must be able to fail: with any one rule taken out of the engine or the store, a fixed trace or a schedule violates the promise.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Builds } from './mutations/build.ts'
import { MUTATIONS, type Mutation } from './mutations/mutations.ts'
import type { Verdict } from './mutations/suspect.ts'
import type { Property } from './schedules/promise.ts'

/** More than any mutation needs that is not caught by a fixed trace. */
const SCHEDULES = 600
const SEED = 1
const TIMEOUT_MS = 10 * 60_000

const run = promisify(execFile)

/** @param enough what ends the examination when a fixed trace violates it. */
async function examine(folder: string, enough: readonly Property[] = []): Promise<Verdict> {
  const suspect = join(folder, 'test/grants/mutations/suspect.js')
  const { stdout } = await run(process.execPath, [suspect, String(SCHEDULES), String(SEED), ...enough])
  return JSON.parse(stdout) as Verdict
}

describe('an engine with one rule taken out', () => {
  let builds: Builds
  const verdicts = new Map<string, Promise<Verdict>>()

  beforeAll(async () => {
    builds = await Builds.open()
    // As many at a time as there are processors; the tests wait for theirs.
    const lanes: Promise<unknown>[] = Array.from({ length: availableParallelism() }, () => Promise.resolve())
    for (const [n, mutation] of MUTATIONS.entries()) {
      const lane = n % lanes.length
      const verdict = Promise.resolve(lanes[lane]).then(async () =>
        examine(await builds.mutate(mutation), mutation.violates),
      )
      verdicts.set(mutation.name, verdict)
      lanes[lane] = verdict.catch(() => {})
    }
  })

  afterAll(async () => {
    await Promise.allSettled(verdicts.values())
    await builds[Symbol.asyncDispose]()
  })

  test(
    'the whole engine keeps the promise in the same examination',
    async () => {
      expect(await examine(builds.original)).toMatchObject({ traces: {}, report: '', schedules: SCHEDULES })
    },
    TIMEOUT_MS,
  )

  test.each(MUTATIONS)(
    'is caught: $name, $what',
    async ({ name, violates }: Mutation) => {
      const { traces, schedule } = (await verdicts.get(name)) ?? { traces: {}, schedule: undefined }

      const found = [...Object.values(traces), schedule]
      expect(violates.some((property) => found.includes(property))).toBe(true)
    },
    TIMEOUT_MS,
  )
})
