// `--node 24`: the bench, and with it every contender, runs on that version.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { arch, platform } from 'node:os'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

/** Starts this program again with the version asked for, installing it if need be, and ends with its exit code. */
export async function runOnNode(wanted) {
  if (wanted === undefined || isVersion(process.versions.node, wanted)) return
  const binary = installed(wanted)
  const args = process.argv.slice(1).filter((arg, at, all) => arg !== '--node' && all[at - 1] !== '--node')
  const child = spawn(binary, args, { cwd: FOLDER, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  process.exit(code ?? 1)
}

/** The npm package carries the binary. */
function installed(wanted) {
  const name = `node-${platform()}-${arch()}`
  const binary = `${FOLDER}node_modules/${name}/bin/node`
  if (existsSync(binary) && isVersion(versionOf(binary), wanted)) return binary
  const npm = ['install', '--prefix', FOLDER, '--no-save', `${name}@${wanted}`]
  const { status } = spawnSync('npm', npm, { cwd: FOLDER, stdio: 'inherit' })
  if (status !== 0 || !isVersion(versionOf(binary), wanted)) throw new Error(`Node ${wanted} could not be installed`)
  return binary
}

function versionOf(binary) {
  return spawnSync(binary, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim() ?? ''
}

function isVersion(version, wanted) {
  return version === wanted || version.startsWith(`${wanted}.`)
}
