import type { Provider } from 'latchkey/providers'

import type { RawExchange } from './wire/exchange.ts'

/** The key of the demo's own server; `/api` is called with its tokens. */
export const OWN = 'demo'

/** One of several providers, as the app offers it. */
export interface OfferedProvider {
  /** In routes: `/providers/healthkey`. */
  readonly key: string
  readonly provider: Provider
  /** What is special about it. One sentence. */
  readonly about: string
  /** What `/apis/healthkey` leads to. */
  readonly apiUrl: string
  readonly call: ApiCall
  readonly server: DemoServer
}

/** A call of the provider's API that can be made at any time and as often as one likes. */
export interface ApiCall {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON. */
  readonly body?: string
}

/** The provider in this process: the demo can look at it from the other side. */
export interface DemoServer {
  /** Where it is, for people. */
  readonly url: string
  /** All that the app and browsers sent, and what was answered. */
  readonly log: readonly RawExchange[]
  /** How many refreshes it was asked for. */
  refreshes(): number
  /** Its API refuses the access tokens in which the app still believes. */
  expireAccessTokens(): void
}
