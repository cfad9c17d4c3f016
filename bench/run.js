// node run.js [guard] [proxy] [gateway] [streaming] [herd] [capacity] [--node 24] [--quick] [--rounds 7] [--seconds 2] [--only TEXT] [--case TEXT] [--profile]
import { parseArgs } from 'node:util'
import { runCapacity } from './capacity/run.js'
import { suite as gateway } from './gateway/suite.js'
import { suite as guard } from './guard/suite.js'
import { runHerd } from './herd/run.js'
import { suite as proxy } from './proxy/suite.js'
import { measureStreaming } from './streaming/measure.js'
import { suite as streaming } from './streaming/suite.js'
import { draw } from './support/draw.js'
import { measure } from './support/measure.js'
import { runOnNode } from './support/node-version.js'
import { stepAside } from './support/processes.js'
import { record } from './support/report.js'
import { keepResults } from './support/results.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    case: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
})
const { quick: isQuick, only, case: onlyCase, profile: isProfiled } = values
const chosen = Object.fromEntries(
  ['rounds', 'seconds'].filter((key) => values[key] !== undefined).map((key) => [key, Number(values[key])]),
)
const settings = {
  ...(isQuick && { rounds: 1, seconds: 2 }),
  ...chosen,
  isQuick,
  only,
  onlyCase,
  isProfiled,
  log: console.log,
}

const SUITES = {
  guard: async () => keep(guard, await measure(guard, settings)),
  proxy: async () => keep(proxy, await measure(proxy, settings)),
  gateway: async () => keep(gateway, await measure(gateway, settings)),
  streaming: async () => keep(streaming, await measureStreaming(streaming, settings)),
  herd: () => runHerd({ rounds: chosen.rounds ?? 2, isQuick, only }),
  capacity: () => runCapacity({ isQuick }),
}

await runOnNode(values.node)
stepAside()
for (const name of positionals.length > 0 ? positionals : Object.keys(SUITES)) await SUITES[name]()
process.exit()

/** Prints a run; a whole one also goes into the files. Fails if what the bench is for does not count. */
function keep(suite, { run, text }) {
  console.log(`\n${text}`)
  if (Object.keys(run.left).some((name) => name.startsWith('latchkey'))) process.exitCode = 1
  if (isQuick || isProfiled || only !== '' || onlyCase !== '') return
  record(suite, run, text)
  keepResults(suite, run)
  draw()
}
