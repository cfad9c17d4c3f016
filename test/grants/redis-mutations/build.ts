import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Builds } from '../mutations/build.ts'

const SOURCES = [
  'lib',
  'test/support/redis-grants.ts',
  'test/support/until.ts',
  'test/grants/grant-store-contract.ts',
  'test/grants/redis-under-test.ts',
  'test/grants/redis-clocks.test.ts',
  'test/grants/redis-expiry.test.ts',
  'test/grants/redis-records.test.ts',
  'test/grants/redis-mutations',
]

/** The store and its suites as JavaScript, in a folder of their own, as often as there are mutations. */
export async function openBuilds(): Promise<Builds> {
  const builds = await Builds.open(SOURCES)
  const test = join(builds.original, 'test')
  const own = join(test, 'grants', 'redis-mutations')
  await copyFile(join(own, 'shared-redis.js'), join(test, 'support', 'redis.js'))
  const globals = join(test, 'node_modules', '@jest', 'globals')
  await mkdir(globals, { recursive: true })
  await writeFile(join(globals, 'package.json'), '{ "type": "module", "exports": "./index.js" }')
  await writeFile(join(globals, 'index.js'), "export * from '../../../grants/redis-mutations/globals.js'")
  return builds
}
