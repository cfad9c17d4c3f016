// The suites of the store must be able to fail: with any one rule taken out of the scripts that run in Redis, one of them does.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { startRedis } from '../support/redis.ts'
import { openBuilds } from './redis-mutations/build.ts'
import { STORE_MUTATIONS } from './redis-mutations/mutations.ts'
import type { Verdict } from './redis-mutations/suspect.ts'

const TIMEOUT_MS = 5 * 60_000
const WHOLE = 'the whole store'
/** A script that does not run is no mutation. */
const BROKEN_SCRIPT = /user_script|compiling script/i

const run = promisify(execFile)

describe('a store in Redis with one rule taken out', () => {
  const verdicts = new Map<string, Verdict>()

  /** One after another, in one process and before a Redis that nobody else empties. */
  async function examine(suspect: string, stores: readonly { name: string; folder: string }[]): Promise<void> {
    const redis = await startRedis()
    const folders = stores.map(({ folder }) => folder)
    const { stdout } = await run(process.execPath, [suspect, String(redis.port), ...folders])
    await redis.close()
    for (const [at, line] of stdout.trim().split('\n').entries())
      verdicts.set(stores[at]?.name ?? '', JSON.parse(line) as Verdict)
  }

  beforeAll(async () => {
    await using builds = await openBuilds()
    const stores = [{ name: WHOLE, folder: builds.original }]
    for (const mutation of STORE_MUTATIONS) stores.push({ name: mutation.name, folder: await builds.mutate(mutation) })
    const lanes = availableParallelism()
    const suspect = join(builds.original, 'test/grants/redis-mutations/suspect.js')
    await Promise.all(
      Array.from({ length: lanes }, (_, lane) =>
        examine(
          suspect,
          stores.filter((_store, at) => at % lanes === lane),
        ),
      ),
    )
  }, TIMEOUT_MS)

  test('the whole store passes the same suites', () => {
    const verdict = verdicts.get(WHOLE)
    expect(verdict?.failed).toBeUndefined()
    expect(verdict?.passed).toBeGreaterThan(100)
  })

  test.each(STORE_MUTATIONS)('is caught: $name', ({ name }) => {
    const failed = verdicts.get(name)?.failed
    expect(failed).toBeDefined()
    expect(failed?.error).not.toMatch(BROKEN_SCRIPT)
  })
})
