import { SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { AuthError } from '../../errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { ProviderAccount, User } from '../../session/account.ts'
import { algorithmsOf, DEFAULT_HEADER, type AssertionOptions } from './identity-options.ts'

/** Whom the headers are about. */
export type Person = Pick<ProviderAccount, 'provider' | 'user'>

interface Signed {
  readonly user: User
  readonly jwt: Promise<string>
  /** Epoch milliseconds. */
  readonly until: number
}

const MAX_PEOPLE = 10_000

/** Of the ID Token as a message; they would be wrong in another one (OIDC Core §2, RFC 7519 §4.1). */
const OF_THE_TOKEN = new Set(['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'azp', 'sid', 'at_hash', 'c_hash', 's_hash', 'provider']) // prettier-ignore

/**
 * Signed statements about users, for targets that do not believe headers: a JWT (RFC 7519) with `typ` `user-assertion+jwt`, `iss` the application's
 * origin, `sub`, `provider` (whose `sub` that is), `aud`, `iat`, `exp`, and the user's claims.
 */
export class Assertions {
  readonly header: string
  readonly #options: AssertionOptions
  readonly #alg: string
  readonly #issuer: string
  readonly #audience: string
  readonly #lifetimeSeconds: number
  readonly #runtime: Runtime
  readonly #signed = new LRUCache<string, Signed>({ max: MAX_PEOPLE })

  constructor(options: AssertionOptions, issuer: string, defaultAudience: string, runtime: Runtime) {
    this.header = (options.header ?? DEFAULT_HEADER).toLowerCase()
    this.#options = options
    this.#alg = options.alg ?? (algorithmsOf(options.key)[0] as string)
    this.#issuer = issuer
    this.#audience = options.audience ?? defaultAudience
    this.#lifetimeSeconds = options.lifetimeSeconds ?? 60
    this.#runtime = runtime
  }

  /** Signs once for each user in half its lifetime, unless the claims change. @throws {AuthError} `ERR_AUTH_SETUP` */
  async about({ provider, user }: Person): Promise<string> {
    const id = JSON.stringify([provider, user.sub])
    const now = this.#runtime.now()
    const known = this.#signed.get(id)
    if (known !== undefined && now < known.until && hasSameClaims(known.user, user)) return known.jwt

    const jwt = this.#sign(provider, user, Math.floor(now / 1_000))
    this.#signed.set(id, { user, jwt, until: now + this.#lifetimeSeconds * 500 })
    try {
      return await jwt
    } catch (cause) {
      this.#signed.delete(id)
      throw new AuthError('ERR_AUTH_SETUP', 'the key of "assertion" cannot sign', { cause })
    }
  }

  async #sign(provider: string, user: User, issuedAt: number): Promise<string> {
    const claims = Object.entries(user).filter(([name]) => !OF_THE_TOKEN.has(name))
    return new SignJWT({ ...Object.fromEntries(claims), provider })
      .setProtectedHeader({ alg: this.#alg, typ: 'user-assertion+jwt' })
      .setIssuer(this.#issuer)
      .setSubject(user.sub)
      .setAudience(this.#audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.#lifetimeSeconds)
      .sign(this.#options.key)
  }
}

function hasSameClaims(one: User, other: User): boolean {
  if (one === other) return true
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => one[name] === other[name] || JSON.stringify(one[name]) === JSON.stringify(other[name]))
  )
}
