import type { Configuration } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { providerFetch, providerFetchWithTokens } from './provider-fetch.ts'
import { ServerKeys } from './server-keys.ts'
import { configurationFor, describeServer, type ServerDescription } from './server-metadata.ts'

export interface ConnectionSettings {
  /** One string, the same bytes in the authorization and the token request. */
  readonly redirectUri: string
  /** For each answer of the server, its body included. Milliseconds. */
  readonly timeoutMs: number
}

/** What is known of a server once its metadata is there. */
export interface Connection {
  readonly server: ServerDescription
  readonly configuration: Configuration
  readonly keys: ServerKeys
}

/** What anybody sends makes the metadata of a server that is away be asked for at most so often. */
const PAUSE_AFTER_FAILURE_MS = 5_000

/** Finds out about a server, where there is something to find out, when that is needed first; shared by all who ask meanwhile, and a failure is not remembered. */
export class ServerConnection {
  readonly #provider: Provider
  readonly #settings: ConnectionSettings
  readonly #runtime: Runtime
  #connection: Promise<Connection> | undefined
  #isKnown = false
  /** Monotonic milliseconds. */
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(provider: Provider, settings: ConnectionSettings, runtime: Runtime) {
    this.#provider = provider
    this.#settings = settings
    this.#runtime = runtime
  }

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or `ERR_AUTH_MISCONFIGURED`. */
  open(): Promise<Connection> {
    this.#connection ??= this.#discover().catch((error: unknown) => {
      this.#connection = undefined
      this.#failedAt = this.#runtime.monotonic()
      throw error
    })
    return this.#connection
  }

  /** For requests that anybody can make: soon after a failure they do not make it tried again. @throws {AuthError} as `open`. */
  async openForAnybody(): Promise<Connection> {
    const pauseMs = this.#failedAt + PAUSE_AFTER_FAILURE_MS - this.#runtime.monotonic()
    if (this.#connection !== undefined || pauseMs <= 0) return this.open()
    throw new AuthError('ERR_AUTH_UNAVAILABLE', `the metadata of ${this.#provider.name} cannot be fetched`, {
      retryAfterSeconds: Math.ceil(pauseMs / 1_000),
    })
  }

  async #discover(): Promise<Connection> {
    const { timeoutMs, redirectUri } = this.#settings
    const { name, allowHttp, requestHeaders } = this.#provider
    const server = await describeServer(this.#provider, redirectUri, timeoutMs, this.#runtime)
    const fetch = providerFetchWithTokens(this.#runtime, this.#provider)
    const configuration = configurationFor(this.#provider, server, timeoutMs, fetch)
    const keys = new ServerKeys(
      {
        name,
        url: server.metadata.jwks_uri,
        fetch: providerFetch(this.#runtime, { allowHttp, requestHeaders }),
        timeoutMs,
      },
      this.#runtime,
    )
    this.#isKnown = true
    return { server, configuration, keys }
  }
}
