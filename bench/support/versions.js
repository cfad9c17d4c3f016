// What was measured, and on what.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, cpus, platform, totalmem } from 'node:os'

/** What is kept of every run, besides its figures. @param left contenders that do not count, and why. */
export function factsOf(suite, { how, left }) {
  const [date] = new Date().toISOString().split('T')
  return { date, node: process.versions.node, machine: machine(), how, versions: versions(suite), left }
}

export function machine() {
  const [{ model }, ...more] = cpus()
  return `${platform()} ${arch()}, ${more.length + 1} cores (${model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`
}

export function versions({ packages, contenders }) {
  const require = createRequire(import.meta.url)
  const installed = packages.map((name) => `${name} ${packageVersion(require, name)}`)
  const programs = ['redis-server', ...contenders.flatMap(({ program }) => program ?? [])].flatMap(programVersion)
  const modules = contenders.flatMap(({ debianModule }) => debianModule ?? []).flatMap(debianVersion)
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return `Node ${process.versions.node}, latchkey ${version}, ${[...installed, ...programs, ...modules].join(', ')}.`
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

function debianVersion(name) {
  const { stdout, status } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' })
  return status === 0 ? [`${name} ${stdout}`] : []
}
