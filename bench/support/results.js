// The figures of the last run of each suite on each Node version, from which tables and drawing can be made again.
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('../results.json', import.meta.url)

/** By suite and major version of Node. */
export function readResults() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return {}
    throw error
  }
}

export function keepResults({ name }, run) {
  const results = readResults()
  const runs = { ...results[name], [majorOf(run.node)]: run }
  const all = Object.entries({ ...results, [name]: runs }).toSorted(([a], [b]) => (a < b ? -1 : 1))
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(all), shortly, 2)}\n`)
}

export function majorOf(node) {
  return node.split('.', 1)[0]
}

/** Nobody needs more than four digits. */
function shortly(_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
