// Child processes on cores of their own, and the CPU time they take.
import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const benchFolder = fileURLToPath(new URL('..', import.meta.url))
const running = new Set()

// Where Debian has servers, and not everybody's shell looks.
process.env.PATH += ':/usr/sbin'

/** The contender has the first core to itself; the load, and whatever else is needed, has the others. */
const CORES = { contender: '0', others: cpus().length > 2 ? `1-${cpus().length - 1}` : '1' }
const canPin = cpus().length > 1 && has('taskset')

export const placement = canPin
  ? 'each contender alone on one core, the load and everything else on the rest'
  : 'contenders and load not pinned to cores (no `taskset`, or one core only)'

export function has(program) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0
}

/**
 * Where the first touch of a page is dear, as in many virtual machines (25 µs have been seen), a process that gives memory back to take it
 * again is three times slower, and whether glibc has it do so is luck: the layout of its heap. So none does, unless its memory is measured.
 */
const KEPT_MEMORY = { MALLOC_TRIM_THRESHOLD_: String(2 ** 30), MALLOC_MMAP_THRESHOLD_: String(2 ** 25) }

/** Moves this process to the cores where the load comes from. */
export function stepAside() {
  if (canPin) spawnSync('taskset', ['-apc', CORES.others, String(process.pid)])
}

/** Starts a process that listens on `port`, and waits until it does. With `talks`, it can be sent messages and sends some. */
export async function start(command, { port, core, env = {}, talks = false, keepsMemory = true }) {
  const [program, ...args] = canPin ? ['taskset', '-c', CORES[core], ...command] : command
  const child = spawn(program, args, {
    cwd: benchFolder,
    stdio: ['ignore', 'ignore', 'inherit', ...(talks ? ['ipc'] : [])],
    env: { ...process.env, NODE_ENV: 'production', ...(keepsMemory && KEPT_MEMORY), ...env },
  })
  running.add(child)
  child.once('exit', (code, signal) => {
    const isExpected = !running.delete(child)
    if (isExpected || core === 'contender') return // what is left of a contender fails its next check
    console.error(`ended in mid-run, with ${signal ?? `exit code ${code}`}: ${command.join(' ')}`)
    process.exit(1)
  })
  for (let attempt = 0; !(await isListening(port)); attempt += 1) {
    if (!running.has(child) || attempt === 600) {
      await stop(child)
      throw new Error(`does not listen on port ${port}: ${command.join(' ')}`)
    }
    await sleep(50)
  }
  return child
}

/** Runs a program to its end. @returns what it printed. */
export async function run([program, ...args]) {
  const child = spawn(program, args, { cwd: benchFolder, stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const output = (await child.stdout.setEncoding('utf8').toArray()).join('')
  running.delete(child)
  return output
}

/** The last one started goes first: nobody misses what it needs. */
export async function stopAll() {
  for (const child of [...running].toReversed()) await stop(child)
}

export async function stop(child) {
  if (!running.delete(child)) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  if (child.kill('SIGTERM')) await ended
}

/** So far, all threads and all processes below, in microseconds; `undefined` where there is no /proc. Ticks of 10 ms. */
export function cpuTime({ pid }) {
  try {
    const [own, ...below] = processTree(pid).map((each) => {
      // The second field, the name, may contain blanks; it ends with the last parenthesis.
      const stat = readFileSync(`/proc/${each}/stat`, 'latin1').replace(/^.*\) /s, '')
      return stat.split(' ').slice(11, 15).map(Number)
    })
    // Of processes that have ended, their parent has the time.
    const ticks = [...own, ...below.flat()].reduce((sum, value) => sum + value, 0)
    return ticks * 10_000
  } catch {
    return undefined
  }
}

/** Resident memory now, of all processes from this one down, in bytes. */
export function residentBytes({ pid }) {
  const kilobytes = processTree(pid).map((each) =>
    Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${each}/status`, 'latin1'))[1]),
  )
  return kilobytes.reduce((sum, value) => sum + value, 0) * 1024
}

/** This one first. */
function processTree(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  return [pid, ...children.split(' ').filter(Boolean).flatMap(processTree)]
}

/** Below the range from which the kernel takes the ports of outgoing connections: a process can be started again on the same one. */
export async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 32_768)
    const server = createServer()
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

// One with processes of its own has to end them itself.
process.on('exit', () => {
  for (const child of running) child.kill(child.spawnargs.includes('apache2') ? 'SIGTERM' : 'SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
