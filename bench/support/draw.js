import { writeFileSync } from 'node:fs'
import { chart } from './chart.js'
import { writeIntoReadme } from './readme.js'
import { readResults } from './results.js'
import { suites } from './suites.js'
import { chartOf, summarise } from './summary.js'

const FILE = new URL('../results.svg', import.meta.url)

/** Makes results.svg and the README's part about speed from results.json. */
export function draw() {
  const results = readResults()
  const drawing = chartOf(suites, results)
  writeFileSync(FILE, chart(drawing))
  const picture = `![Requests per second of ${drawing.title}, relative to a reference; the table below has the figures](bench/results.svg)`
  writeIntoReadme('speed', `${picture}\n\n${summarise(suites, results)}`)
}
