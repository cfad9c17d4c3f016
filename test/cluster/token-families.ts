import { randomBytes } from 'node:crypto'

/** What the server knows of one sign-in and all the tokens that came of it. */
export interface FamilyReport {
  readonly subject: string
  /** How often each refresh token was presented, the first one first. */
  readonly presentations: readonly number[]
  /** Who redeemed each of them, as the `x-worker` header said. */
  readonly redeemedBy: readonly string[]
  /** Who presented a token that had been redeemed before: one for each time. */
  readonly alarmedBy: readonly string[]
  /** The most requests for one refresh token that were undecided at one instant. */
  readonly together: number
  /** Redemptions whose answer was lost on purpose, or found nobody to take it. */
  readonly undelivered: number
  /** A request was decided two leases or more after its claim had been asked for: too late for any rule of the client's. */
  readonly isLate: boolean
  /** Requests that were given up before they were decided. */
  readonly undecided: number
  readonly revoked: 'reuse' | 'by the client' | 'code replayed' | undefined
}

export interface Family {
  readonly clientId: string
  readonly subject: string
  /** The session at the server in which it was granted. */
  readonly sid: string
  readonly scope: string
  readonly refreshTokens: RefreshToken[]
  readonly redeemedBy: string[]
  readonly alarmedBy: string[]
  undelivered: number
  undecided: number
  isLate: boolean
  revoked: FamilyReport['revoked']
  revokedAt: number
}

export interface RefreshToken {
  readonly family: Family
  presentations: number
  undecided: number
  together: number
  isSpent: boolean
}

interface AccessToken {
  readonly family: Family
  expiresAt: number
}

export interface Issued {
  readonly accessToken: string
  readonly refreshToken: string
}

/**
 * Refresh token rotation as strict as RFC 9700 §4.14.2 has it: each refresh token is good once, and one that comes again revokes all
 * tokens of its sign-in. Keeps the book of every presentation.
 */
export class TokenFamilies {
  readonly #families: Family[] = []
  readonly #refreshTokens = new Map<string, RefreshToken>()
  readonly #accessTokens = new Map<string, AccessToken>()

  start(clientId: string, subject: string, scope: string): Family {
    const family: Family = {
      clientId, subject, sid: random(), scope,
      refreshTokens: [], redeemedBy: [], alarmedBy: [], undelivered: 0, undecided: 0, isLate: false, revoked: undefined, revokedAt: Number.POSITIVE_INFINITY,
    } // prettier-ignore
    this.#families.push(family)
    return family
  }

  issue(family: Family, lifetimeMs: number): Issued {
    const issued = { accessToken: random(), refreshToken: random() }
    const refreshToken: RefreshToken = { family, presentations: 0, undecided: 0, together: 0, isSpent: false }
    family.refreshTokens.push(refreshToken)
    this.#refreshTokens.set(issued.refreshToken, refreshToken)
    this.#accessTokens.set(issued.accessToken, { family, expiresAt: Date.now() + lifetimeMs })
    return issued
  }

  /** A request with this token has arrived. To be followed by `decide`. @returns `undefined` for one that was never issued to the client. */
  present(token: string, clientId: string): RefreshToken | undefined {
    const presented = this.#refreshTokens.get(token)
    if (presented === undefined || presented.family.clientId !== clientId) return undefined
    presented.presentations += 1
    presented.undecided += 1
    presented.together = Math.max(presented.together, presented.undecided)
    return presented
  }

  /** @returns whether the token was good, as it is no more. */
  decide(presented: RefreshToken, by: string, isLate: boolean): boolean {
    const { family } = presented
    family.isLate ||= isLate
    presented.undecided -= 1
    if (presented.isSpent) {
      family.alarmedBy.push(by)
      this.revoke(family, 'reuse')
      return false
    }
    if (family.revoked !== undefined) return false
    presented.isSpent = true
    family.redeemedBy.push(by)
    return true
  }

  /** In place of `decide`: nothing comes of the request, and the token stays as it is. */
  giveUp(presented: RefreshToken): void {
    presented.undecided -= 1
    presented.family.undecided += 1
  }

  revoke(family: Family, why: FamilyReport['revoked']): void {
    if (family.revoked !== undefined) return
    family.revoked = why
    family.revokedAt = Date.now()
  }

  /** RFC 7009 §2.1: the whole grant goes, whichever of its tokens is named. */
  revokeByToken(token: string, clientId: string): void {
    const family = (this.#refreshTokens.get(token) ?? this.#accessTokens.get(token))?.family
    if (family?.clientId === clientId) this.revoke(family, 'by the client')
  }

  /** @returns who the token is about, and whether it was good at that instant; `undefined` for one that was never issued. */
  judge(token: string, at: number): { subject: string; isLive: boolean } | undefined {
    const found = this.#accessTokens.get(token)
    if (found === undefined) return undefined
    const { family, expiresAt } = found
    return { subject: family.subject, isLive: at < expiresAt && at < family.revokedAt }
  }

  find(subject: string): Family | undefined {
    return this.#families.find((family) => family.subject === subject)
  }

  /** All access tokens of these subjects are refused from now on. */
  expire(group: string): void {
    for (const token of this.#accessTokens.values()) {
      if (token.family.subject.startsWith(`${group}/`)) token.expiresAt = Math.min(token.expiresAt, Date.now())
    }
  }

  report(group: string): FamilyReport[] {
    const wanted = this.#families.filter(({ subject }) => subject.startsWith(`${group}/`))
    return wanted.map(({ subject, refreshTokens, redeemedBy, alarmedBy, undelivered, undecided, isLate, revoked }) => ({
      subject,
      presentations: refreshTokens.map((token) => token.presentations),
      redeemedBy,
      alarmedBy,
      together: Math.max(...refreshTokens.map((token) => token.together)),
      undelivered,
      undecided,
      isLate,
      revoked,
    }))
  }
}

function random(): string {
  return randomBytes(32).toString('base64url')
}
