import { readFileSync, writeFileSync } from 'node:fs'

const README = new URL('../../README.md', import.meta.url)

/** Replaces what stands between the two comments of that name. */
export function writeIntoReadme(name, text) {
  const [from, to] = [`<!-- bench:${name} -->\n`, `\n<!-- /bench:${name} -->`]
  const readme = readFileSync(README, 'utf8')
  const [start, end] = [readme.indexOf(from) + from.length, readme.indexOf(to)]
  if (start < from.length || end < start) throw new Error(`README.md has no place for the results of "${name}"`)
  writeFileSync(README, `${readme.slice(0, start)}\n${text}\n${readme.slice(end)}`)
}
