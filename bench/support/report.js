import { readFileSync, writeFileSync } from 'node:fs'
import { majorOf } from './results.js'
import { median, ratio, rounded } from './statistics.js'
import { table } from './table.js'
import { judge, targetsTable } from './targets.js'

const RESULTS = new URL('../RESULTS.md', import.meta.url)
const HEAD = `# Results

Written by the commands of this folder, each suite on each Node version by its own run; README.md says how to read them. The figures of all
rounds are in results.json. Compare what one run measured, never figures of two runs.

<!-- prettier-ignore-start -->
`
const FOOT = '<!-- prettier-ignore-end -->'

/** One run of a suite that puts contenders under load, as Markdown. */
export function describe(suite, run) {
  const tables = run.cases.map(
    ({ title, connections, samples }) =>
      `### ${suite.title}: ${title}, ${connections} connections\n\n${[figures(samples), ...ratios(suite, samples)].join('\n\n')}`,
  )
  return [opening(suite, run), targetsTable(judge(suite, run)), '', tables.join('\n\n'), ...notCounted(run)].join('\n')
}

/** The head of a section: when, on what, how, and with which versions. */
export function opening({ title }, { date, machine, how, versions, node }) {
  return `${heading(title, node)}\n\n${date}, ${machine}. ${how}.\n${versions}\n`
}

export function notCounted({ left }) {
  return Object.entries(left).map(([name, why]) => `\nNot counted: ${name} (${why.split('\n', 1)[0]}).`)
}

/** Puts a run into RESULTS.md, in the place of an earlier one with the same suite and Node version. */
export function record({ title }, { node }, text) {
  const [, ...sections] = readSections()
    .replace(FOOT, '')
    .split(/^(?=## )/m)
  const others = sections
    .filter((section) => !section.startsWith(`${heading(title, node)}\n`))
    .map((section) => section.trim())
  writeFileSync(RESULTS, [HEAD.trim(), ...[...others, text.trim()].toSorted(), `${FOOT}\n`].join('\n\n'))
}

function readSections() {
  try {
    return readFileSync(RESULTS, 'utf8')
  } catch {
    return HEAD
  }
}

function heading(title, node) {
  return `## ${title}, Node ${majorOf(node)}`
}

function figures(samples) {
  const columns = {
    'requests/s': 'perSecond',
    'CPU µs/request': 'cpuPerRequest',
    'p50 ms': 'p50',
    'p99 ms': 'p99',
    'core busy %': 'busy',
  }
  const rows = Object.entries(samples).map(([name, rounds]) => {
    const cells = Object.values(columns).map((key) => {
      const value = median(rounds.map((sample) => sample[key]))
      return key === 'busy' ? (value * 100).toFixed(0) : rounded(value)
    })
    return [name, ...cells]
  })
  return table(['', ...Object.keys(columns)], rows)
}

/** Medians of the ratios within each round, and the extremes. */
function ratios({ comparisons }, samples) {
  const rows = comparisons
    .filter((pair) => pair.every((name) => samples[name] !== undefined))
    .map(([one, other]) => [
      `${one} / ${other}`,
      ...['perSecond', 'cpuPerRequest', 'p99'].map((key) => {
        const { median: middle, min, max } = ratio(samples, one, other, key)
        return `**${rounded(middle)}** (${rounded(min)} to ${rounded(max)})`
      }),
    ])
  return rows.length > 0 ? [table(['ratio, median of rounds (range)', 'requests/s', 'CPU/request', 'p99'], rows)] : []
}
