import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A server in another language: `program … PORT DIRECTORY OPTIONS`, an SQLite database in a directory of its own. */
export class ServerProcess {
  readonly url: string
  readonly #child: ChildProcess
  readonly #directory: string
  #log = ''

  private constructor(url: string, child: ChildProcess, directory: string) {
    this.url = url
    this.#child = child
    this.#directory = directory
    child.stdout?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
  }

  static async start(command: readonly [string, ...string[]], options: object): Promise<ServerProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-verification-'))
    const port = await freePort()
    const [program, ...args] = command
    const child = spawn(program, [...args, String(port), directory, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const server = new ServerProcess(`http://127.0.0.1:${port}`, child, directory)
    await server.#answers()
    return server
  }

  /** Requests that its own access log has seen since `from`, such as `POST /o/token/ 200`. */
  async requests(matching: string, from = 0): Promise<readonly string[]> {
    await delay(300) // the log is written after the answer
    return [...this.#log.slice(from).matchAll(/"([A-Z]+ \/\S*) HTTP\/1\.1" (\d{3})/g)]
      .map(([, request = '', status = '']) => `${request} ${status}`)
      .filter((request) => request.startsWith(matching))
  }

  /** Where the log stands now. */
  get mark(): number {
    return this.#log.length
  }

  /** Turns something at the server, behind the back of its clients. */
  async turn(path: string): Promise<unknown> {
    const answer = await fetch(`${this.url}/verification/${path}`)
    if (!answer.ok) throw new Error(`/verification/${path}: ${answer.status}`)
    const text = await answer.text()
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #answers(): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt += 1) {
      if (this.#child.exitCode !== null) break
      if (await fetch(this.url, { redirect: 'manual' }).then(() => true, () => false)) return // prettier-ignore
      await delay(100)
    }
    await this.stop()
    throw new Error(`the server did not start:\n${this.#log}`)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
