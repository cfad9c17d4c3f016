import type { Configuration } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { providerFetch } from './provider-fetch.ts'
import { ServerKeys } from './server-keys.ts'
import { configurationFor, discover, type ServerDescription } from './server-metadata.ts'
import { normaliseTokenResponse } from './token-response.ts'

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

/** Finds out about a server when that is needed first; shared by all who ask meanwhile, and a failure is not remembered. */
export class ServerConnection {
  readonly #provider: Provider
  readonly #settings: ConnectionSettings
  readonly #runtime: Runtime
  #connection: Promise<Connection> | undefined
  /** Monotonic milliseconds. */
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(provider: Provider, settings: ConnectionSettings, runtime: Runtime) {
    this.#provider = provider
    this.#settings = settings
    this.#runtime = runtime
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
    const { name, allowHttp } = this.#provider
    const server = await discover(this.#provider, redirectUri, timeoutMs, this.#runtime)
    const fetch = providerFetch(this.#runtime, { allowHttp })
    const normalising = providerFetch(this.#runtime, { allowHttp, rewrite: normaliseTokenResponse })
    const { token_endpoint = '', jwks_uri } = server.metadata
    const tokenUrl = new URL(token_endpoint).href // as the library will ask for it
    const configuration = configurationFor(this.#provider, server, timeoutMs, (url, init) =>
      (url === tokenUrl ? normalising : fetch)(url, init),
    )
    const keys = new ServerKeys({ name, url: jwks_uri, fetch, timeoutMs }, this.#runtime)
    return { server, configuration, keys }
  }
}
