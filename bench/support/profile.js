import { readdirSync, readFileSync } from 'node:fs'

const ROOT = new URL('../..', import.meta.url).href
const FOLDER = new URL('../profiles/', import.meta.url)

/** Where the time went, by function itself and by package, for every profile in `profiles/`. */
export function printProfiles() {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))
    console.log(`\n${file}`)
    printTop(profile, placeOf, 40)
    printTop(profile, packageOf, 20)
  }
}

function printTop({ nodes, samples, timeDeltas }, nameOf, count) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map()
  samples.forEach((id, index) => times.set(names.get(id), (times.get(names.get(id)) ?? 0) + timeDeltas[index]))
  times.delete('(idle)')
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  const top = [...times].toSorted((a, b) => b[1] - a[1]).slice(0, count)
  const lines = top.map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(6)} %  ${name}\n`)
  console.log(lines.join(''))
}

function placeOf({ functionName, url, lineNumber }) {
  return url === '' ? functionName : `${functionName || '(anonymous)'}  ${shorter(url)}:${lineNumber + 1}`
}

function packageOf({ functionName, url }) {
  if (url === '') return functionName === '(idle)' ? functionName : 'V8 and native code'
  return /^(?:.*node_modules\/)?((?:@[^/]+\/)?[^/]+)/.exec(shorter(url))[1]
}

/** Below a package, or below the repository's root. */
function shorter(url) {
  const [, inPackage] = /.*\/node_modules\/(.*)/.exec(url) ?? []
  return inPackage ?? url.replace(ROOT, 'latchkey/')
}
