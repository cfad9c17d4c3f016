// What `npm test` and `npm run demo` share: say what happens, run a command, or stop with the remedy.
// Plain JavaScript for any Node that reads ES modules: it runs before anything is installed.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Prints what is wrong and what to do about it, and ends the process. */
export function fail(problem, remedy) {
  console.error(`\n✗ ${problem}\n\n${remedy.replace(/^/gm, '  ')}\n`)
  process.exit(1)
}

/** Runs a command behind one line of text. Its output stays hidden unless it fails; then the end of it is shown. */
export async function step(label, [command, ...args], remedy) {
  process.stdout.write(`• ${label}`)
  const started = Date.now()
  let output = ''
  const code = await run(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }, (text) => (output += text))
  console.log(`, ${((Date.now() - started) / 1000).toFixed(1)} s`)
  if (code === 0) return

  console.error(`\n${output.trimEnd().split('\n').slice(-40).join('\n')}`)
  fail(`${label}: failed (exit code ${code})`, remedy)
}

/** Runs a command that owns the terminal. Resolves to its exit code. */
export function foreground([command, ...args], env = {}) {
  return run(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
}

export function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (isInRange(process.versions.node, engines.node)) return
  fail(
    `Node ${process.versions.node} is not supported: this project needs ${engines.node}`,
    'Install a current LTS release from https://nodejs.org, or with a version manager:\n  nvm install --lts',
  )
}

export async function installDependencies() {
  if (isInstalled()) return
  // Development packages are wanted even where NODE_ENV=production says otherwise.
  await step(
    'installing dependencies (npm ci)',
    npm('ci', '--include=dev'),
    'Is the package registry reachable? `npm ping` asks it. If package.json and package-lock.json disagree: npm install',
  )
}

export async function build() {
  await step('building the library (npm run build)', npm('run', 'build'), 'Correct what the compiler names above.')
  await step(
    'building the example app (npm run build -w example-app)',
    npm('run', 'build', '-w', 'example-app'),
    'Correct what the compiler names above.',
  )
}

/** `^1.2.3` and `>=1.2.3`, joined by `||`: all that `engines` uses. */
function isInRange(version, range) {
  const [major, minor, patch] = version.split('.').map(Number)
  return range.split('||').some((part) => {
    const [, operator, ...numbers] = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part)
    const floor = numbers.map(Number)
    if (operator === '^' && major !== floor[0]) return false
    return (major - floor[0] || minor - floor[1] || patch - floor[2]) >= 0
  })
}

/**
 * npm writes node_modules/.package-lock.json last, so it is missing after an interrupted `npm ci`, and it lists what
 * is really there. Optional packages are left out: which of them are installed depends on the platform.
 */
function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (!path.includes('node_modules/') || optional || link) return true
    return installed[path] !== undefined && installed[path].version === version
  })
}

/** The npm that started us, if one did: it need not be the one on PATH. */
function npm(...args) {
  const current = process.env.npm_execpath ?? ''
  return current.endsWith('npm-cli.js') ? [process.execPath, current, ...args] : ['npm', ...args]
}

/** Resolves to the exit code. A signal that reaches this process is passed on, and nothing started here outlives it. */
function run(command, args, options, onOutput) {
  return new Promise((resolve) => {
    // Hidden commands get a process group of their own, so that a signal also reaches what they started.
    const isHidden = onOutput !== undefined
    const child = spawn(command, args, { cwd: root, ...options, detached: isHidden })
    child.stdout?.setEncoding('utf8').on('data', onOutput)
    child.stderr?.setEncoding('utf8').on('data', onOutput)

    let received
    const passOn = (signal) => {
      received = signal
      if (isHidden && child.pid !== undefined) process.kill(-child.pid, signal)
      // On a terminal, Ctrl-C has already reached a command in the foreground.
      else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    for (const signal of SIGNALS) process.on(signal, passOn)
    const watch = whenShellIsGone(() => passOn('SIGTERM'))

    const finish = (code) => {
      for (const signal of SIGNALS) process.off(signal, passOn)
      clearInterval(watch)
      if (isHidden && received) process.exit(128 + constants.signals[received])
      resolve(code)
    }
    child.on('error', (error) => {
      if (isHidden) onOutput(error.message)
      else console.error(error.message)
      finish(127)
    })
    child.on('close', (code, signal) => finish(code ?? 128 + constants.signals[signal]))
  })
}

/** npm starts scripts in a shell and signals only the shell, and many a shell dies of it without passing it on. */
function whenShellIsGone(callback) {
  const shell = process.ppid
  if (!process.env.npm_lifecycle_event) return undefined
  const watch = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(watch)
    callback()
  }, 200)
  return watch
}
