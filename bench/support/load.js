import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytes } from './bytes.js'
import { cpuTime, run } from './processes.js'
import { scratchFolder } from './scratch.js'

let scratch
/** Puts a contender under load. @throws if a single request is not answered as it should be. */
export async function load({ child, origin, headers }, one, seconds) {
  const { path, connections } = one
  const cpuBefore = cpuTime(child)
  const wrk = `wrk --threads 1 --connections ${connections} --duration ${seconds}s --timeout 30s --script support/load.lua`
  const headerOptions = Object.entries({ ...headers, ...one.headers }).flatMap(([name, value]) => [
    '--header',
    `${name}: ${value}`,
  ])
  const output = await run([...wrk.split(' '), ...headerOptions, `${origin}${path}`, ...bodyArguments(one)])
  const cpuMicroseconds = cpuTime(child) - cpuBefore
  const { requests, microseconds, refused, broken, p50, p99 } = JSON.parse(output.trim().split('\n').at(-1))
  if (requests === 0 || refused > 0 || broken > 0) {
    throw new Error(`${requests} answers, of them ${refused} with an error status; ${broken} connections failed`)
  }
  return {
    perSecond: requests / (microseconds / 1e6),
    cpuPerRequest: cpuMicroseconds / requests,
    busy: cpuMicroseconds / microseconds,
    p50: p50 / 1000,
    p99: p99 / 1000,
  }
}

/** For load.lua. */
function bodyArguments({ method, size }) {
  if (method === undefined) return []
  scratch ??= scratchFolder()
  const file = join(scratch, `${size} bytes`)
  writeFileSync(file, bytes(size))
  return ['--', method, file]
}
