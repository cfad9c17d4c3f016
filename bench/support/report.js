import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, cpus, platform, totalmem } from 'node:os'
import { spawnSync } from 'node:child_process'
import { placement } from './processes.js'

const RESULTS = new URL('../RESULTS.md', import.meta.url)
const HEAD = `# Results

Written by \`npm run bench\`, \`npm run guard\`, \`npm run proxy\` and \`npm run herd\` in this folder; README.md there says how to read them.
Compare what one run measured, never figures of two runs.

<!-- prettier-ignore-start -->
`
const FOOT = '<!-- prettier-ignore-end -->'

/** One run of a suite, as Markdown. @param left contenders that do not count, and why. */
export function describe(suite, results, left, { rounds, seconds }) {
  const names = suite.contenders
    .map(({ name }) => name)
    .filter((name) => !left.has(name) && results[0].samples.has(name))
  const tables = results.map(
    ({ title, connections, samples }) =>
      `### ${suite.title}: ${title}, ${connections} connections\n\n${figures(names, samples)}\n\n${ratios(suite, names, samples)}`,
  )
  return [
    opening(suite, `${rounds} rounds of ${seconds} s; ${placement}`),
    tables.join('\n\n'),
    ...[...left].map(([name, why]) => `\nNot counted: ${name} (${why.split('\n', 1)[0]}).`),
  ].join('\n')
}

/** The head of a section: when, on what, how, and with which versions. */
export function opening(suite, how) {
  return `${heading(suite)}\n\n${new Date().toISOString().slice(0, 10)}, ${machine()}. ${how}.\n${versions(suite)}\n`
}

/** Puts a run into RESULTS.md, in the place of an earlier one with the same suite and Node version. */
export function record(suite, text) {
  const [, ...sections] = readResults()
    .replace(FOOT, '')
    .split(/^(?=## )/m)
  const others = sections
    .filter((section) => !section.startsWith(`${heading(suite)}\n`))
    .map((section) => section.trim())
  writeFileSync(RESULTS, [HEAD.trim(), ...[...others, text.trim()].toSorted(), `${FOOT}\n`].join('\n\n'))
}

function readResults() {
  try {
    return readFileSync(RESULTS, 'utf8')
  } catch {
    return HEAD
  }
}

function heading({ title }) {
  return `## ${title}, Node ${process.versions.node.split('.', 1)}`
}

function figures(names, samples) {
  const columns = {
    'requests/s': 'perSecond',
    'CPU µs/request': 'cpuPerRequest',
    'p50 ms': 'p50',
    'p99 ms': 'p99',
    'core busy %': 'busy',
  }
  const rows = names.map((name) => {
    const cells = Object.values(columns).map((key) => {
      const value = median(samples.get(name).map((sample) => sample[key]))
      return key === 'busy' ? (value * 100).toFixed(0) : rounded(value)
    })
    return [name, ...cells]
  })
  return table(['', ...Object.keys(columns)], rows)
}

/** Medians of the ratios within each round, and the extremes. */
function ratios({ comparisons }, names, samples) {
  const rows = comparisons
    .filter((pair) => pair.every((name) => names.includes(name)))
    .map(([one, other]) => [
      `${one} / ${other}`,
      ...['perSecond', 'cpuPerRequest', 'p99'].map((key) => {
        const perRound = samples.get(one).map((sample, round) => sample[key] / samples.get(other)[round][key])
        return `**${rounded(median(perRound))}** (${rounded(Math.min(...perRound))} to ${rounded(Math.max(...perRound))})`
      }),
    ])
  return table(['ratio, median of rounds (range)', 'requests/s', 'CPU/request', 'p99'], rows)
}

export function table(head, rows) {
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function rounded(value) {
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}

export function machine() {
  const [{ model }, ...more] = cpus()
  return `${platform()} ${arch()}, ${more.length + 1} cores (${model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`
}

export function versions({ packages, contenders }) {
  const require = createRequire(import.meta.url)
  const installed = packages.map((name) => `${name} ${packageVersion(require, name)}`)
  const programs = ['redis-server', ...contenders.flatMap(({ program }) => program ?? [])]
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return `Node ${process.versions.node}, latchkey ${version}, ${[...installed, ...programs.flatMap(programVersion)].join(', ')}.`
}

/** From the folder, since not every package exports its package.json. */
function packageVersion(require, name) {
  const folder = require.resolve.paths(name)[1]
  return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version
}

function programVersion(program) {
  const { stdout, stderr, error } = spawnSync(program, ['-v'], { encoding: 'utf8' })
  const version = /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)
  return error === undefined && version !== null ? [`${program} ${version[0]}`] : []
}
