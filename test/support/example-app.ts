import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../example-app/dist/main.js', import.meta.url))

export interface ExampleApp {
  readonly url: string
  /** What it printed so far. */
  readonly output: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves when the process has ended. */
  readonly exitCode: Promise<number | null>
  /** Ends it if it still runs. */
  stop(): Promise<void>
}

type Environment = Readonly<Record<string, string>>

/** Starts the built example app as a process of its own, on any free port unless told otherwise, and waits until it says where. */
export async function startExampleApp(environment: Environment = {}): Promise<ExampleApp> {
  const app = launch({ PORT: '0', ...environment })
  const url = await Promise.race([app.announced, app.exitCode])
  if (typeof url !== 'string') throw new Error(`the example app ended before it was ready:\n${app.output()}`)
  return {
    ...app,
    url,
    async stop() {
      app.signal('SIGKILL')
      await app.exitCode
    },
  }
}

/** Runs the example app until it ends by itself. */
export async function runExampleApp(environment: Environment): Promise<{ exitCode: number | null; output: string }> {
  const { exitCode, output } = launch(environment)
  return { exitCode: await exitCode, output: output() }
}

/** A port that nobody uses, for where it must be known in advance. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function launch(environment: Environment) {
  // Nothing of the environment of whoever runs the tests.
  const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let announce: (url: string) => void
  const announced = new Promise<string>((resolve) => {
    announce = resolve
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const [, url] = /example app: (\S+)\n/.exec(output) ?? []
      if (url !== undefined) announce(url)
    })
  }
  const exitCode = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  return { announced, exitCode, output: () => output, signal: (signal: NodeJS.Signals) => void child.kill(signal) }
}
