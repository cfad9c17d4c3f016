import { placement } from '../support/processes.js'
import { writeIntoReadme } from '../support/readme.js'
import { record } from '../support/report.js'
import { keepResults } from '../support/results.js'
import { factsOf } from '../support/versions.js'
import { measureHerd } from './measure.js'
import { demandOneRefresh, describeHerd, judgeHerd, summarise } from './report.js'
import { suite } from './suite.js'

/** `isQuick`: one expiry of the smaller cases, for trying changes to the bench itself. */
export async function runHerd({ rounds, isQuick, only }) {
  const chosen = isQuick ? smaller(suite) : suite
  const settings = { rounds: isQuick ? 1 : rounds, only, log: console.log }
  const results = await measureHerd(chosen, settings)
  const how = `${settings.rounds} expiries per case, 1 of 2,000 requests; ${placement}, all processes of a contender on the same one`
  const run = { ...factsOf(suite, { how, left: {} }), targets: judgeHerd(results) }
  const text = describeHerd(chosen, run, results)
  console.log(`\n${text}\n\n${summarise(run, results)}`)
  if (!isQuick && only === '') {
    record(suite, run, text)
    keepResults(suite, run)
    writeIntoReadme('herd', summarise(run, results))
  }
  if ('latchkey'.includes(only)) demandOneRefresh(results)
}

function smaller({ groups, faults, ...more }) {
  const isSmall = ({ requests, sessions, processes }) => requests === 200 && sessions <= 50 && processes !== 2
  return {
    ...more,
    groups: groups.map((group) => ({ ...group, cases: group.cases.filter(isSmall) })),
    faults: faults.filter(({ sessions }) => sessions === 1),
  }
}
