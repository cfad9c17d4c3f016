import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const PREAMBLE = `
import express from 'express'
import { latchkey } from './lib/index.ts'
import { oidc } from './lib/providers/index.ts'
const auth = latchkey({ baseUrl: 'https://app.example', provider: oidc({ issuer: 'https://id.example', clientId: 'c' }), secret: 'a secret for tests, and for tests alone' })
const app = express()
`

/** A process, for what would end it, and for what it takes of the machine. */
export interface OpenProgram {
  readonly child: ChildProcess
  readonly stdout: string
  readonly stderr: string
  /** What it sends next, with `process.send`; fails if it ends before. */
  message<T>(): Promise<T>
}

/**
 * An application at which nobody signs in, in a process of its own.
 *
 * @param rest of the program: there are `express`, `app` and `auth`, and `process.send` says what the test wants to know.
 */
export function startOpenProgram(rest: string, env: Readonly<Record<string, string>> = {}): OpenProgram {
  const child = spawn(
    process.execPath,
    ['--import', './test/support/typescript-loader.js', '--input-type=module', '--eval', PREAMBLE + rest],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return {
    child,
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    async message<T>() {
      const ended = once(child, 'exit').then(() => {
        throw new Error(`the program has ended: ${stderr}`)
      })
      const [message] = (await Promise.race([once(child, 'message'), ended])) as [T]
      return message
    },
  }
}
