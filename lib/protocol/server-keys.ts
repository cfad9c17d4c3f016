import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type CryptoKey, type JSONWebKeySet } from 'jose'
import type { CustomFetch } from 'openid-client'
import { AuthError, Cause, isError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { withDeadline } from './deadline.ts'

export interface ServerKeysSettings {
  /** Stands in messages. */
  readonly name: string
  /** `jwks_uri` (OpenID Connect Discovery §3), if the metadata has one. */
  readonly url: string | undefined
  readonly fetch: CustomFetch
  readonly timeoutMs: number
}

/**
 * Who brought the signed text. `server`: it came over our own connection to it, so an unknown key is one of its new ones. `anybody`: it
 * may be made up, and what is made up must not make us ask the server more than now and then.
 */
export type Bearer = 'server' | 'anybody'

/** Older keys are fetched again in the background. */
const FRESH_MS = 10 * 60_000
/** Older ones are used only while newer cannot be had: a key that the server has withdrawn is not believed any more after that. */
const STALE_MS = 60 * 60_000
/** The last good keys of a server that is away are used for so long. */
const MAX_AGE_MS = 24 * 60 * 60_000
/** They are fetched again at most so often, whatever anybody brings along. */
const PAUSE_MS = 60_000
/** The same as long as there are none. */
const PAUSE_WITHOUT_KEYS_MS = 5_000

interface KnownKeys {
  readonly set: ReturnType<typeof createLocalJWKSet>
  /** Monotonic milliseconds, from before they were asked for. */
  readonly askedAt: number
}

/**
 * The keys of one authorization server (RFC 7517), and the one rule for whatever it signs. `jose`'s own remote set reads the wall clock,
 * and drops the keys it has when they are old and the server is away.
 */
export class ServerKeys {
  readonly #settings: ServerKeysSettings
  readonly #runtime: Runtime
  #known: KnownKeys | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<KnownKeys> | undefined

  constructor(settings: ServerKeysSettings, runtime: Runtime) {
    this.#settings = settings
    this.#runtime = runtime
  }

  /**
   * Checks the signature (RFC 7515 §5.2), and nothing else. A key that is not known is looked for among the server's keys as they are now,
   * for keys rotate.
   *
   * @returns `false` if it is not the server's, or, for what anybody brought, not as far as is known.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` if the keys cannot be had, `ERR_AUTH_MISCONFIGURED` if nobody says where: nothing is known
   * then.
   */
  async isSigned(jws: string, algorithms: readonly string[], bearer: Bearer): Promise<boolean> {
    const cameAt = this.#runtime.monotonic()
    for (let keys = await this.#keys(bearer); ; keys = await this.#fetchAgain()) {
      const verdict = await this.#judge(jws, algorithms, keys)
      if (verdict !== 'unknown-key') return verdict === 'signed'
      // What was asked for after the text had come has every key that it can be signed with.
      if (keys.askedAt >= cameAt || !this.#mayAwait(bearer)) return false
    }
  }

  async #keys(bearer: Bearer): Promise<KnownKeys> {
    const known = this.#known
    const ageMs = known === undefined ? Number.POSITIVE_INFINITY : this.#runtime.monotonic() - known.askedAt
    if (known === undefined || ageMs >= MAX_AGE_MS) {
      if (!this.#mayAwait(bearer)) throw this.#unavailable(undefined)
      return this.#fetchAgain()
    }
    if (ageMs < FRESH_MS || !this.#mayAsk('anybody')) return known
    const next = this.#fetchAgain().catch(() => known)
    return ageMs < STALE_MS ? known : next
  }

  #mayAsk(bearer: Bearer): boolean {
    const pauseMs = this.#known === undefined ? PAUSE_WITHOUT_KEYS_MS : PAUSE_MS
    return bearer === 'server' || this.#runtime.monotonic() - this.#askedAt >= pauseMs
  }

  #mayAwait(bearer: Bearer): boolean {
    return this.#fetching !== undefined || this.#mayAsk(bearer)
  }

  /** Shared by all who ask meanwhile; a failure leaves the keys that are known. */
  #fetchAgain(): Promise<KnownKeys> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetch(): Promise<KnownKeys> {
    const { name, url, fetch, timeoutMs } = this.#settings
    if (url === undefined) throw new AuthError('ERR_AUTH_MISCONFIGURED', `the metadata of ${name} has no "jwks_uri"`)
    const askedAt = this.#runtime.monotonic()
    this.#askedAt = askedAt
    try {
      const headers = { accept: 'application/json, application/jwk-set+json' }
      // Its body is here by then.
      const response = await withDeadline(timeoutMs, this.#runtime, (signal) =>
        fetch(url, { method: 'GET', headers, body: undefined, redirect: 'manual', signal }),
      )
      if (response.status !== 200) throw new Cause('KeySetError', `the answer has status ${response.status}`, undefined)
      this.#known = { set: createLocalJWKSet((await response.json()) as JSONWebKeySet), askedAt }
      return this.#known
    } catch (cause) {
      throw this.#unavailable(cause)
    }
  }

  async #judge(jws: string, algorithms: readonly string[], keys: KnownKeys): Promise<Verdict> {
    try {
      return await judge(jws, [...algorithms], keys.set)
    } catch (cause) {
      throw this.#unavailable(cause) // a key that cannot be used
    }
  }

  #unavailable(cause: unknown): AuthError {
    return new AuthError('ERR_AUTH_UNAVAILABLE', `the keys of ${this.#settings.name} cannot be fetched`, {
      cause,
      retryAfterSeconds: PAUSE_WITHOUT_KEYS_MS / 1_000,
    })
  }
}

type Verdict = 'signed' | 'forged' | 'unknown-key'

const FORGED = new Set(['ERR_JWS_INVALID', 'ERR_JOSE_ALG_NOT_ALLOWED', 'ERR_JOSE_NOT_SUPPORTED'])

async function judge(jws: string, algorithms: string[], set: KnownKeys['set']): Promise<Verdict> {
  try {
    await compactVerify(jws, set, { algorithms })
    return 'signed'
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ERR_JWKS_NO_MATCHING_KEY') return 'unknown-key'
    if (code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') return judgeByEach(jws, algorithms, error as Candidates)
    // Without a key id a new key looks like the old one (RFC 7515 §4.1.4).
    if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return namesItsKey(jws) ? 'forged' : 'unknown-key'
    if (FORGED.has(code)) return 'forged'
    throw error
  }
}

/** What `jose` throws when several keys fit. */
type Candidates = AsyncIterable<CryptoKey>

async function judgeByEach(jws: string, algorithms: string[], candidates: Candidates): Promise<Verdict> {
  for await (const key of candidates) {
    try {
      await compactVerify(jws, key, { algorithms })
      return 'signed'
    } catch (error) {
      if (codeOf(error) !== 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw error
    }
  }
  return 'unknown-key'
}

function namesItsKey(jws: string): boolean {
  return decodeProtectedHeader(jws).kid !== undefined
}

function codeOf(error: unknown): string {
  return isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
