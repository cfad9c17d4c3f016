import type { Answer } from './answers.ts'
import type { RegisteredClient } from './clients.ts'
import type { Faults, FaultyEndpoint } from './faults.ts'
import { startRawServer, type Exchange, type RawRequest } from './raw-http.ts'
import type { CommonSwitches, Lifetimes, SimulatorState } from './state.ts'
import type { Counters, IssuedToken } from './tokens.ts'

/** A running simulator of a provider. */
export interface Simulator<Switches extends CommonSwitches> {
  /** Origin of the authorization server, without a final slash. */
  readonly url: string
  /** Origin of the API; the same as `url` where the provider has one host. */
  readonly apiUrl: string
  readonly client: RegisteredClient
  /** How strict it is and what it answers; may be changed at any time. */
  readonly switches: Switches
  readonly lifetimes: Lifetimes
  readonly faults: Readonly<Record<FaultyEndpoint, Faults>>
  /** Every request so far, with its answer, secrets and tokens included. */
  readonly log: readonly Exchange[]
  readonly counters: Counters
  /** Everything that was handed out, dead or alive, oldest first. */
  readonly issued: { readonly accessTokens: readonly IssuedToken[]; readonly refreshTokens: readonly IssuedToken[] }
  /** All access tokens have expired from now on. */
  expireAccessTokens(): void
  expireRefreshTokens(): void
  revokeAccessTokens(): void
  revokeRefreshTokens(): void
  close(): Promise<void>
}

/** What a provider answers to whom. */
export interface Hosts {
  readonly authorizationServer: (request: RawRequest) => Answer
  /** Undefined: the authorization server answers for the API as well. */
  readonly api?: ((request: RawRequest) => Answer) | undefined
  /** What a request to the authorization server is about; all requests to an API of its own are `api`. */
  readonly endpointOf: (path: string) => FaultyEndpoint | undefined
}

/** Starts the servers of a simulator on the loopback interface. */
export async function startSimulator<Switches extends CommonSwitches>(
  state: SimulatorState<Switches>,
  { authorizationServer, api, endpointOf }: Hosts,
  ports: { readonly port?: number | undefined; readonly apiPort?: number | undefined } = {},
): Promise<Simulator<Switches>> {
  const { now, log, faults, tokens } = state
  const server = await startRawServer({
    port: ports.port,
    now,
    log,
    faultsOf: (request) => faultsAt(faults, endpointOf(request.path)),
    answer: (request) => state.interactions.handle(request) ?? authorizationServer(request),
  })
  state.url = `http://127.0.0.1:${server.port}`
  state.apiUrl = state.url

  const servers = [server]
  if (api !== undefined) {
    try {
      const second = await startRawServer({ port: ports.apiPort, now, log, faultsOf: () => faults.api, answer: api })
      state.apiUrl = `http://127.0.0.1:${second.port}`
      servers.push(second)
    } catch (error) {
      await server.close()
      throw error
    }
  }

  return {
    url: state.url,
    apiUrl: state.apiUrl,
    client: state.client,
    switches: state.switches,
    lifetimes: state.lifetimes,
    faults,
    log,
    counters: tokens.counters,
    get issued() {
      return { accessTokens: tokens.accessTokens, refreshTokens: tokens.refreshTokens }
    },
    expireAccessTokens: () => tokens.expire(tokens.accessTokens),
    expireRefreshTokens: () => tokens.expire(tokens.refreshTokens),
    revokeAccessTokens: () => tokens.revoke(tokens.accessTokens),
    revokeRefreshTokens: () => tokens.revoke(tokens.refreshTokens),
    close: async () => {
      await Promise.all(servers.map((running) => running.close()))
    },
  }
}

function faultsAt(
  faults: Readonly<Record<FaultyEndpoint, Faults>>,
  endpoint: FaultyEndpoint | undefined,
): Faults | undefined {
  return endpoint === undefined ? undefined : faults[endpoint]
}
