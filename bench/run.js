// node run.js [guard] [proxy] [herd] [capacity] [--quick] [--rounds 5] [--seconds 5] [--only TEXT] [--profile]
import { parseArgs } from 'node:util'
import { demandFairPlay } from './support/fairness.js'
import { load } from './support/load.js'
import { freePort, has, start, stepAside, stopAll } from './support/processes.js'
import { printProfiles } from './support/profile.js'
import { describe, record } from './support/report.js'
import { signIn } from './support/browser.js'
import { startSurroundings } from './support/surroundings.js'
import { runCapacity } from './capacity/run.js'
import { suite as guard } from './guard/suite.js'
import { runHerd } from './herd/run.js'
import { suite as proxy } from './proxy/suite.js'

const SUITES = {
  guard: () => measure(guard),
  proxy: () => measure(proxy),
  herd: () => runHerd({ rounds: chosenRounds ?? 2, isQuick: values.quick, only: values.only }),
  capacity: () => runCapacity({ isQuick: values.quick }),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
})
const chosenRounds = values.rounds === undefined ? undefined : Number(values.rounds)
const rounds = chosenRounds ?? (values.quick ? 2 : 5)
const seconds = Number(values.seconds ?? (values.quick ? 2 : 5))

stepAside()
for (const name of positionals.length > 0 ? positionals : Object.keys(SUITES)) await SUITES[name]()
process.exit()

async function measure(suite) {
  const { contenders, left } = await enter(suite)
  const results = suite.cases.map((one) => ({ ...one, samples: new Map() }))
  for (let round = 0; round <= rounds; round += 1) {
    for (const result of results) {
      // Who comes first changes from round to round: nobody always follows the same neighbour.
      const order = contenders.map((_, index) => contenders[(index + round) % contenders.length])
      for (const contender of order.filter(({ name }) => !left.has(name))) {
        try {
          const sample = await load(contender, result, seconds)
          if (round === 0) continue // warm-up
          result.samples.set(contender.name, [...(result.samples.get(contender.name) ?? []), sample])
          console.log(`round ${round}, ${result.title}, ${contender.name}: ${sample.perSecond.toFixed(0)} requests/s`)
        } catch (error) {
          left.set(contender.name, error.message)
        }
      }
    }
  }
  await inspect(suite, contenders, left)
  await stopAll()

  const text = describe(suite, results, left, { rounds, seconds })
  console.log(`\n${text}`)
  if (values.profile) printProfiles()
  else if (values.only === '' && !values.quick) record(suite, text)
}

/** Starts all contenders and signs in. Those that `left`, and why, are not measured. */
async function enter(suite) {
  const left = new Map()
  const contenders = suite.contenders.filter(({ name }) => name.includes(values.only)).map((entry) => ({ ...entry }))
  for (const contender of contenders) contender.port = await freePort()
  const surroundings = await startSurroundings(contenders.map(({ port }) => port))
  for (const contender of contenders) {
    const { name, port, program, isGuarded } = contender
    contender.origin = `http://127.0.0.1:${port}`
    contender.headers = {}
    if (program !== undefined && !has(program)) {
      left.set(name, `${program} is not installed. Debian: sudo apt-get install -y --no-install-recommends ${program}`)
      continue
    }
    const given = { ...contender, ...surroundings }
    const command = contender.command?.(given) ?? nodeCommand(contender.file)
    contender.child = await start(command, { port, core: 'contender', env: { BENCH: JSON.stringify(given) } })
    if (isGuarded) contender.headers.cookie = await signIn(contender.origin)
  }
  await inspect(suite, contenders, left)
  return { contenders, left }
}

async function inspect(suite, contenders, left) {
  for (const contender of contenders.filter(({ name }) => !left.has(name))) {
    try {
      await demandFairPlay(contender, suite)
    } catch (error) {
      left.set(contender.name, error.message)
    }
  }
}

function nodeCommand(file) {
  const profiling = values.profile ? ['--cpu-prof', '--cpu-prof-dir', 'profiles'] : []
  return [process.execPath, ...profiling, file]
}
