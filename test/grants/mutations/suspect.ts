// The engine beside this file, which may be a broken one, before the fixed traces and as many schedules:
// `node suspect.js SCHEDULES SEED [PROPERTY …]`. No schedules any more once a trace violates one of these. Prints as JSON what was found.
import { explore } from '../schedules/explore.ts'
import { play } from '../schedules/shorten.ts'
import { Violation, type Property } from '../schedules/promise.ts'
import { TRACES } from '../schedules/traces.ts'

export interface Verdict {
  /** By trace; those that are kept are left out. */
  readonly traces: Readonly<Record<string, Property>>
  /** Of the first schedule that violates anything. */
  readonly schedule: Property | undefined
  readonly schedules: number
  readonly report: string
}

const [, , schedules = '', seed = '', ...enough] = process.argv

const traces: Record<string, Property> = {}
for (const trace of TRACES) {
  try {
    await play(trace)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    traces[trace.name] = error.property
  }
}
const isCaught = Object.values(traces).some((property) => enough.includes(property))
const { runs, violation, report } = await explore({ runs: isCaught ? 0 : Number(schedules), seed: Number(seed) })
const verdict: Verdict = { traces, schedule: violation?.property, schedules: runs, report }
console.log(JSON.stringify(verdict))
