import type { Authorization } from './codes.ts'
import type { End, Rotation } from './rotation.ts'

export type TokenState = 'live' | 'expired' | 'revoked'

/** A token that was handed out; for tests and for the demo to look at. */
export interface IssuedToken {
  readonly value: string
  readonly authorization: Authorization
  readonly issuedAt: number
  /** As issued, whatever became of `expiresAt`. */
  readonly lifetimeSeconds: number
  /** Epoch milliseconds on the simulator's clock; infinite when it does not expire. */
  expiresAt: number
  revoked: boolean
}

interface Family {
  readonly authorization: Authorization
  readonly access: IssuedToken[]
  readonly refresh: IssuedToken[]
}

export interface IssuedPair {
  readonly access: IssuedToken
  readonly refresh: IssuedToken | undefined
}

export type Presentation =
  | { readonly kind: 'valid'; readonly token: IssuedToken }
  | { readonly kind: 'expired' | 'revoked'; readonly token: IssuedToken }
  | { readonly kind: 'unknown' }

export interface Counters {
  /** Requests with `grant_type=authorization_code`. */
  codeRequests: number
  /** Requests with `grant_type=refresh_token`, whatever came of them. */
  refreshRequests: number
  /** Of those, the ones that gave tokens. */
  refreshes: number
  /** Presentations of a refresh token that had been superseded or revoked. */
  deadRefreshTokens: number
  /** Presentations at the API, by access token. */
  readonly presentations: Map<string, number>
}

export interface TokenStoreOptions {
  readonly now: () => number
  readonly nextAccessToken: (authorization: Authorization) => string
  readonly nextRefreshToken: (authorization: Authorization) => string
  /** Read at each issue. */
  readonly lifetimes: { accessTokenSeconds: number; refreshTokenSeconds: number }
}

/** The token families of a simulator: all tokens that go back to one authorization belong together. */
export class TokenStore {
  readonly counters: Counters = {
    codeRequests: 0,
    refreshRequests: 0,
    refreshes: 0,
    deadRefreshTokens: 0,
    presentations: new Map(),
  }
  readonly #options: TokenStoreOptions
  readonly #families: Family[] = []
  /** Which access token came with a refresh token. */
  readonly #accessTokenOf = new Map<IssuedToken, IssuedToken>()
  /** What the first use of an access token ends (lazy rotation). */
  readonly #superseded = new Map<IssuedToken, IssuedToken[]>()

  constructor(options: TokenStoreOptions) {
    this.#options = options
  }

  get accessTokens(): readonly IssuedToken[] {
    return this.#families.flatMap((family) => family.access)
  }

  get refreshTokens(): readonly IssuedToken[] {
    return this.#families.flatMap((family) => family.refresh)
  }

  /** Begins a family. */
  issue(authorization: Authorization, { withRefreshToken }: { withRefreshToken: boolean }): IssuedPair {
    const family: Family = { authorization, access: [], refresh: [] }
    this.#families.push(family)
    const access = this.#newAccessToken(family, this.#options.lifetimes.accessTokenSeconds)
    return { access, refresh: withRefreshToken ? this.#newRefreshToken(family, access) : undefined }
  }

  /** Looks a refresh token up; this alone changes nothing but the counters. */
  presentRefreshToken(value: string): Presentation {
    const presentation = this.#find(this.refreshTokens, value)
    if (presentation.kind === 'revoked') this.counters.deadRefreshTokens += 1
    return presentation
  }

  /** @param token from {@link presentRefreshToken}, and valid. */
  refresh(token: IssuedToken, rotation: Rotation): IssuedPair {
    const family = this.#families.find(({ refresh }) => refresh.includes(token))
    if (family === undefined) throw new Error('not a refresh token of this store')

    const partner = this.#accessTokenOf.get(token)
    const oldAccess = family.access.filter((access) => !access.revoked)
    const inherited = rotation.inheritsLifetime === true ? partner?.lifetimeSeconds : undefined
    const access = this.#newAccessToken(family, inherited ?? this.#options.lifetimes.accessTokenSeconds)
    // A new token knows the pair that it was asked for with, and no other that came of the same sign-in.
    const isLazy = rotation.oldAccessTokens === 'at-first-use-of-the-new'
    this.#end(isLazy ? oldAccess.filter((old) => old === partner) : oldAccess, rotation.oldAccessTokens, access)
    if (rotation.refreshToken === 'new') this.#end([token], rotation.oldRefreshToken, access)
    this.counters.refreshes += 1
    if (rotation.refreshToken === 'same') return { access, refresh: token }

    const refresh = this.#newRefreshToken(family, access)
    if (rotation.absoluteLifetime === true) refresh.expiresAt = token.expiresAt
    return { access, refresh }
  }

  /** Looks an access token up for an API call, which counts as its use. */
  presentAccessToken(value: string): Presentation {
    const { presentations } = this.counters
    presentations.set(value, (presentations.get(value) ?? 0) + 1)
    const presentation = this.#find(this.accessTokens, value)
    if (presentation.kind !== 'unknown') {
      for (const old of this.#superseded.get(presentation.token) ?? []) old.revoked = true
    }
    return presentation
  }

  /** Looks an access token up without using it (introspection, revocation). */
  findAccessToken(value: string): Presentation {
    return this.#find(this.accessTokens, value)
  }

  /** From now on every token of this list has expired. */
  expire(tokens: readonly IssuedToken[]): void {
    for (const token of tokens) token.expiresAt = Math.min(token.expiresAt, this.#options.now())
  }

  revoke(tokens: readonly IssuedToken[]): void {
    for (const token of tokens) token.revoked = true
  }

  /** @returns the access token, and the refresh token if there is one, that were issued together with this value. */
  findPair(value: string): IssuedPair | undefined {
    const given = [...this.accessTokens, ...this.refreshTokens].find((token) => token.value === value)
    if (given === undefined) return undefined
    const pairs = [...this.#accessTokenOf].map(([refresh, access]): IssuedPair => ({ access, refresh }))
    return (
      pairs.find((pair) => pair.access === given || pair.refresh === given) ?? { access: given, refresh: undefined }
    )
  }

  #newAccessToken(family: Family, lifetimeSeconds: number): IssuedToken {
    const value = this.#options.nextAccessToken(family.authorization)
    return this.#add(family.access, family, value, lifetimeSeconds)
  }

  #newRefreshToken(family: Family, access: IssuedToken): IssuedToken {
    const value = this.#options.nextRefreshToken(family.authorization)
    const refresh = this.#add(family.refresh, family, value, this.#options.lifetimes.refreshTokenSeconds)
    this.#accessTokenOf.set(refresh, access)
    return refresh
  }

  #add(to: IssuedToken[], { authorization }: Family, value: string, lifetimeSeconds: number): IssuedToken {
    const issuedAt = this.#options.now()
    const expiresAt = issuedAt + lifetimeSeconds * 1000
    const token = { value, authorization, issuedAt, lifetimeSeconds, expiresAt, revoked: false }
    to.push(token)
    return token
  }

  #end(old: readonly IssuedToken[], end: End, by: IssuedToken): void {
    if (end === 'at-once') this.revoke(old)
    if (end === 'at-first-use-of-the-new') this.#superseded.set(by, [...(this.#superseded.get(by) ?? []), ...old])
  }

  #find(tokens: readonly IssuedToken[], value: string): Presentation {
    const token = tokens.find((candidate) => candidate.value === value)
    if (token === undefined) return { kind: 'unknown' }
    if (token.revoked) return { kind: 'revoked', token }
    return { kind: token.expiresAt > this.#options.now() ? 'valid' : 'expired', token }
  }
}
