// What the product must reach and aims at, beside what was measured.
import { ratio, rounded } from './statistics.js'
import { table } from './table.js'

const WORDS = { perSecond: 'requests/s', cpuPerRequest: 'CPU/request', p99: 'p99' }

/**
 * Of a suite's `targets`, those for this Node version, with the `value` that the run has for them. A target is a ratio of `one` to `other`,
 * or a figure of `one`, of which the worst round counts.
 */
export function judge({ targets = [] }, { node, cases }) {
  return targets
    .filter((target) => target.node === undefined || node.startsWith(`${target.node}.`))
    .map(({ id, case: title, one, other, figure, words = WORDS[figure], unit, must, aim }) => {
      const { samples = {} } = cases.find((each) => each.title === title) ?? {}
      const names = other === undefined ? [one] : [one, other]
      const what = `${title}, ${words}: ${names.join(' / ')}`
      const isKnown = names.every((name) => samples[name] !== undefined)
      const value = isKnown ? valueOf(samples, { one, other, figure }) : undefined
      return { id, what, value, unit, must, aim, atLeast: figure === 'perSecond' }
    })
}

function valueOf(samples, { one, other, figure }) {
  if (other !== undefined) return ratio(samples, one, other, figure).median
  return Math.max(...samples[one].map((sample) => sample[figure]))
}

export function targetsTable(judged) {
  const rows = judged.map(({ id, what, value, unit = '', must, aim, atLeast }) => [
    `${id} ${what}`,
    value === undefined ? '–' : `**${Number.isInteger(value) ? value : rounded(value)}**${unit}`,
    ...[must, aim].map((goal) => judgement({ value, goal, unit, atLeast })),
  ])
  return table(['target', 'measured', 'must', 'aim'], rows)
}

function judgement({ value, goal, unit, atLeast }) {
  if (goal === undefined) return '–'
  const wanted = `${atLeast ? '≥' : '≤'} ${goal}${unit}`
  if (value === undefined) return `${wanted}: not measured`
  return `${wanted}: ${(atLeast ? value >= goal : value <= goal) ? 'met' : '**not met**'}`
}
