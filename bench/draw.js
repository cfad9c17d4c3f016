// node draw.js: RESULTS.md, results.svg and the README's part about speed, again from results.json.
import { describeStreaming } from './streaming/report.js'
import { draw } from './support/draw.js'
import { describe, record } from './support/report.js'
import { readResults } from './support/results.js'
import { suites } from './support/suites.js'

const results = readResults()
for (const suite of suites) {
  const words = suite.name === 'streaming' ? describeStreaming : describe
  for (const run of Object.values(results[suite.name] ?? {})) record(suite, run, words(suite, run))
}
draw()
