// What the README shows of the last runs: a drawing and a table.
import { majorOf } from './results.js'
import { median, ratio, rounded } from './statistics.js'
import { table } from './table.js'

/** What `chart()` draws; a panel for each suite that has one and was measured. */
export function chartOf(suites, results) {
  const measured = suites.filter(({ name, chart }) => chart !== undefined && results[name] !== undefined)
  const panels = measured.map(({ name: suite, contenders, chart }) => {
    const { title, reference, leftOut = [], case: wanted } = chart
    const samples = samplesByNode(results[suite], wanted)
    const rows = contenders
      .filter(({ name }) => !leftOut.includes(name))
      .map(({ name }) => ({ name, values: ratiosByNode(samples, name, reference, 'perSecond') }))
    return { title, reference, rows: rows.filter(({ values }) => Object.keys(values).length > 0) }
  })
  const nodes = measured.flatMap(({ name }) => Object.keys(results[name]))
  const title = 'latchkey and what else an Express application could use'
  return { title, panels: panels.filter(({ rows }) => rows.length > 0), nodes: inOrder(nodes) }
}

/** For everything that is to be reached, how it compares, on each Node version. */
export function summarise(suites, results) {
  const measured = suites.filter(({ name }) => results[name] !== undefined)
  const nodes = inOrder(measured.flatMap(({ name }) => Object.keys(results[name])))
  const rows = measured.flatMap((suite) => comparisonsOf(suite).map((pair) => rowOf(suite, pair, results, nodes)))
  const head = ['', 'against', ...nodes.flatMap((node) => [`Node ${node}: requests/s`, 'CPU/request'])]
  return [whereAndWhen(measured, results), table(head, rows), heldWords(results)].filter(Boolean).join('\n\n')
}

/** Each pair once, in the order of the targets. */
function comparisonsOf({ targets }) {
  const pairs = targets.filter(({ other }) => other !== undefined)
  return pairs.filter(
    ({ case: title, one, other }, at) =>
      at === pairs.findIndex((pair) => pair.case === title && pair.one === one && pair.other === other),
  )
}

function rowOf({ name, title, cases }, { case: wanted, one, other }, results, nodes) {
  const samples = samplesByNode(results[name], wanted)
  const [speed, cpu] = ['perSecond', 'cpuPerRequest'].map((figure) => ratiosByNode(samples, one, other, figure))
  const cells = nodes.flatMap((node) => [speed, cpu].map((ratios) => (node in ratios ? rounded(ratios[node]) : '–')))
  return [`${title.toLowerCase()}${cases.length > 1 ? ` ${wanted}` : ''}: ${one}`, other, ...cells]
}

function samplesByNode(runs, title) {
  const entries = Object.entries(runs).map(([node, { cases }]) => [node, cases.find((one) => one.title === title)])
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined).map(([node, one]) => [node, one.samples]))
}

function ratiosByNode(samples, one, other, figure) {
  const entries = Object.entries(samples).filter(([, each]) => each[one] !== undefined && each[other] !== undefined)
  return Object.fromEntries(entries.map(([node, each]) => [node, ratio(each, one, other, figure).median]))
}

function whereAndWhen(suites, results) {
  const runs = suites.flatMap(({ name }) => Object.values(results[name]))
  const unique = (values) => [...new Set(values)].toSorted().join(' and ')
  return `Measured ${unique(runs.map(({ date }) => date))} on ${unique(runs.map(({ machine }) => machine))}, Node ${unique(runs.map(({ node }) => node))}.`
}

/** Of proxies whose clients do not read. */
function heldWords({ streaming = {} }) {
  const sentences = Object.values(streaming).map(({ node, cases: [{ title, samples }] }) => {
    const each = Object.entries(samples).map(
      ([name, rounds]) => `${median(rounds.map(({ growthMb }) => growthMb)).toFixed(0)} MB for ${name}`,
    )
    return `${title} through a proxy add to its memory, on Node ${majorOf(node)}: ${each.join(', ')}.`
  })
  return sentences.join('\n')
}

function inOrder(nodes) {
  return [...new Set(nodes)].toSorted((a, b) => a - b)
}
