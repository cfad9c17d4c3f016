// Stores, which may be broken ones, before the suites of the store: `node suspect.js PORT FOLDER...`, each folder a build. Prints one
// line of JSON for each: what failed first.
import { join } from 'node:path'
import { addEventHandler, afterAll, getState, resetState, run } from 'jest-circus'
import { Redis } from 'ioredis'
import type * as contract from '../grant-store-contract.ts'
import type * as underTest from '../redis-under-test.ts'

export interface Verdict {
  /** The first test that failed, and with what. */
  readonly failed: { readonly test: string; readonly error: string } | undefined
  readonly passed: number
}

const [, , port, ...folders] = process.argv
/** Longer than anything is waited for in vain. */
const TIMEOUT_MS = 20_000
const SUITES = ['redis-records.test.js', 'redis-clocks.test.js', 'redis-expiry.test.js']

let failed: Verdict['failed']
let passed = 0
addEventHandler((event) => {
  if (event.name === 'test_start' && failed !== undefined) event.test.mode = 'skip'
  if (event.name !== 'test_done' || failed !== undefined) return
  const reasons = (event.test.errors as unknown[]).flat().filter((reason) => reason instanceof Error)
  if (event.test.errors.length === 0) passed += 1
  else failed = { test: event.test.name, error: reasons.map(({ message }) => message).join('\n') }
})

function begin(): void {
  resetState()
  getState().testTimeout = TIMEOUT_MS
}

async function examine(folder: string): Promise<Verdict> {
  const load = async (file: string): Promise<unknown> => import(join(folder, 'test/grants', file))
  failed = undefined
  passed = 0
  const redis = new Redis(Number(port))
  await redis.flushall()
  const { describeGrantStore } = (await load('grant-store-contract.js')) as typeof contract
  const { redisUnderTest } = (await load('redis-under-test.js')) as typeof underTest
  begin()
  describeGrantStore('Redis', async () => redisUnderTest(redis))
  afterAll(() => redis.disconnect())
  await run()
  for (const suite of SUITES) {
    if (failed !== undefined) break
    begin()
    await load(suite)
    await run()
  }
  return { failed, passed }
}

for (const folder of folders) console.log(JSON.stringify(await examine(folder)))
process.exit()
