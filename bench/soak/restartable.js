// A process that is stopped, or killed, and started again while the others go on.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export class Restartable {
  /** @readonly */ #command
  /** @readonly */ #options
  /** @readonly */ #port
  #child

  /** @param options of `spawn`. @param onMessage what it says with `process.send`. */
  constructor(command, port, options, onMessage = () => {}) {
    this.#command = command
    this.#port = port
    this.#options = { ...options, onMessage }
    process.on('exit', () => this.#child?.kill('SIGKILL'))
  }

  async start() {
    const [program, ...args] = this.#command
    const { onMessage, ...options } = this.#options
    this.#child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', onMessage)
    while (!(await isListening(this.#port))) await sleep(20)
    return this
  }

  async stop(signal = 'SIGTERM') {
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }

  /** @returns its answer. */
  async ask(message) {
    this.#child.send(message)
    const [answer] = await once(this.#child, 'message')
    return answer
  }

  get pid() {
    return this.#child.pid
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true) || socket.destroy())
    socket.on('error', () => resolve(false))
  })
}
