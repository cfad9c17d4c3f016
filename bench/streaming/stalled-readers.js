// Clients that ask for much and read nothing of it.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MB } from '../support/bodies.js'
import { residentBytes } from '../support/processes.js'

const LOOK_EVERY_MS = 100
const STEADY_LOOKS = 10
const MAX_LOOKS = 100

/** @returns per reader what the upstream got rid of, how much the process grew at most meanwhile, and what was open after they left. */
export async function stall({ child, port }, upstream, { readers, size, graceMs }) {
  const name = crypto.randomUUID()
  const before = residentBytes(child)
  const sockets = await Promise.all(Array.from({ length: readers }, () => ask(port, `/api/watched/${name}/${size}`)))

  let most = before
  let sent = 0
  for (let steady = 0, looks = 0; steady < STEADY_LOOKS && looks < MAX_LOOKS; looks += 1) {
    await sleep(LOOK_EVERY_MS)
    most = Math.max(most, residentBytes(child))
    const answers = await stateOf(upstream, name)
    const now = answers.reduce((sum, answer) => sum + answer.sent, 0)
    steady = answers.length === readers && now === sent ? steady + 1 : 0
    sent = now
  }

  for (const socket of sockets) socket.destroy()
  await sleep(graceMs)
  const after = await stateOf(upstream, name)
  return {
    aheadMb: sent / readers / MB,
    growthMb: (most - before) / MB,
    stillOpen: after.filter(({ isOpen }) => isOpen).length,
  }
}

async function ask(port, path) {
  const socket = connect(port, '127.0.0.1').pause()
  // Its end is ours, and a proxy may well be gone before.
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  return socket
}

async function stateOf(upstream, name) {
  return (await fetch(`${upstream}/state/${name}`)).json()
}
