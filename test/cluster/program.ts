import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const LOADER = new URL('../support/typescript-loader.js', import.meta.url).href

/** A Node process of its own that runs one of the TypeScript files here. It says where it listens when it is ready. */
export class Program {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, url: string) {
    this.#process = process
    this.url = url
  }

  /** @param onLine is given what it writes. */
  static async start(file: string, settings: object, onLine: (line: string) => void = () => {}): Promise<Program> {
    const child = fork(new URL(file, import.meta.url), [JSON.stringify(settings)], {
      execArgv: ['--import', LOADER],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    if (child.stdout !== null) createInterface(child.stdout).on('line', onLine)
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`${file} ended before it listened`)
      }),
    ])) as [{ url: string }]
    return new Program(child, message.url)
  }

  /** Sends a message and waits for the next one. */
  async ask(message: object): Promise<void> {
    this.#process.send(message)
    await once(this.#process, 'message')
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill(signal)
    await ended
  }
}
