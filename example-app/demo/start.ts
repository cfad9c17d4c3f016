import type { OfferedProvider } from '../providers.ts'
import { startOwnServer } from './own-server.ts'
import { startSimulators } from './simulators.ts'

export interface DemoOptions {
  /** The app's public origin. */
  readonly baseUrl: string
  /** The app's port; the demo's servers take those after it. */
  readonly port: number
  /** How long access tokens of the demo's own server live. */
  readonly tokenSeconds: number
  /** Set: no API is started. */
  readonly apiUrl: string | undefined
}

/** What the app is set up with when the environment names no provider. */
export interface Demo {
  /** The demo's own server first. */
  readonly offered: readonly OfferedProvider[]
  close(): Promise<void>
}

/** Starts providers in this process: one by the book, and simulators of five that are not. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const started = [await startOwnServer(options), ...(await startSimulators(options))]
  return {
    offered: started.map(({ offered }) => offered),
    async close() {
      await Promise.all(started.map((one) => one.close()))
    },
  }
}
