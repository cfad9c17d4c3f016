import { randomBytes } from 'node:crypto'

import type { RegisteredClient } from './clients.ts'
import { CodeStore, type Authorization } from './codes.ts'
import { noFaults, type Faults, type FaultyEndpoint } from './faults.ts'
import { Interactions, type Consent } from './interactions.ts'
import type { Exchange } from './raw-http.ts'
import { TokenStore } from './tokens.ts'

export type TokenKind = 'code' | 'access_token' | 'refresh_token' | 'id_token'

/** In seconds, and changeable: each code and token takes what is set when it is issued. */
export interface Lifetimes {
  codeSeconds: number
  accessTokenSeconds: number
  /** `Infinity`: as long as it is not used. */
  refreshTokenSeconds: number
}

/** Switches that every simulator has. */
export interface CommonSwitches {
  /** Default `ask`. */
  consent: Consent
}

/** Settings that every simulator takes. */
export interface SimulatorOptions<Switches extends CommonSwitches> {
  /** Of the authorization server; default 0, any free port. */
  readonly port?: number | undefined
  /** Of the API where it is another host; default 0. */
  readonly apiPort?: number | undefined
  readonly client?: Partial<RegisteredClient> | undefined
  readonly switches?: Partial<Switches> | undefined
  readonly lifetimes?: Partial<Lifetimes> | undefined
  /** Epoch milliseconds; default the system's clock. */
  readonly now?: (() => number) | undefined
  /** Says what the next code or token looks like; undefined leaves it to the simulator. */
  readonly nextToken?: ((kind: TokenKind) => string | undefined) | undefined
}

/** What a provider brings to a {@link SimulatorState}. */
export interface ProviderTraits<Switches extends CommonSwitches> {
  /** As people call it. */
  readonly provider: string
  readonly client: RegisteredClient
  readonly switches: Switches
  readonly lifetimes: Lifetimes
  /** Values where the test does not choose them; default 32 random bytes. */
  readonly token?:
    ((kind: TokenKind, authorization: Authorization, state: SimulatorState<Switches>) => string) | undefined
}

/** All that a simulator remembers. The parts know nothing of any provider. */
export class SimulatorState<Switches extends CommonSwitches> {
  readonly provider: string
  readonly client: RegisteredClient
  readonly switches: Switches
  readonly lifetimes: Lifetimes
  readonly now: () => number
  readonly codes: CodeStore
  readonly tokens: TokenStore
  readonly interactions: Interactions
  readonly log: Exchange[] = []
  readonly faults: Readonly<Record<FaultyEndpoint, Faults>> = { token: noFaults(), api: noFaults() }
  /** Origin of the authorization server; empty until it listens. */
  url = ''
  /** Origin of the API. */
  apiUrl = ''

  readonly #nextToken: (kind: TokenKind) => string | undefined
  readonly #token: (kind: TokenKind, authorization: Authorization, state: SimulatorState<Switches>) => string

  constructor(traits: ProviderTraits<Switches>, options: SimulatorOptions<Switches>) {
    this.provider = traits.provider
    this.client = { ...traits.client, ...options.client }
    this.switches = { ...traits.switches, ...options.switches }
    this.lifetimes = { ...traits.lifetimes, ...options.lifetimes }
    this.now = options.now ?? Date.now
    this.#nextToken = options.nextToken ?? (() => undefined)
    this.#token = traits.token ?? (() => randomBytes(32).toString('hex'))
    this.codes = new CodeStore(this.now)
    this.tokens = new TokenStore({
      now: this.now,
      nextAccessToken: (authorization) => this.nextToken('access_token', authorization),
      nextRefreshToken: (authorization) => this.nextToken('refresh_token', authorization),
      lifetimes: this.lifetimes,
    })
    this.interactions = new Interactions(this.provider, () => this.switches.consent)
  }

  nextToken(kind: TokenKind, authorization: Authorization): string {
    return this.#nextToken(kind) ?? this.#token(kind, authorization, this)
  }

  /** @returns a new code for this authorization. */
  issueCode(authorization: Authorization): string {
    const code = this.nextToken('code', authorization)
    this.codes.add(code, authorization, this.lifetimes.codeSeconds)
    return code
  }
}
