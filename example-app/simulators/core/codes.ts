/** What the user has allowed, and what a code, and later its tokens, are bound to. */
export interface Authorization {
  readonly clientId: string
  /** The bytes of the authorization request, to be compared with those of the token request. */
  readonly redirectUri: string
  readonly scope: readonly string[]
  /** The user; an app's own token has none. */
  readonly subject: string | undefined
  /** S256; undefined when the request had none. */
  readonly codeChallenge?: string | undefined
  readonly nonce?: string | undefined
}

interface Code {
  readonly authorization: Authorization
  readonly expiresAt: number
}

/** Authorization codes: each can be redeemed once. */
export class CodeStore {
  readonly #codes = new Map<string, Code>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  add(code: string, authorization: Authorization, lifetimeSeconds: number): void {
    this.#codes.set(code, { authorization, expiresAt: this.#now() + lifetimeSeconds * 1000 })
  }

  /** @returns undefined for a code that is unknown, spent or expired. */
  find(code: string): Authorization | undefined {
    const found = this.#codes.get(code)
    return found !== undefined && found.expiresAt > this.#now() ? found.authorization : undefined
  }

  /** Whether a mistake of the client spends the code is for the provider to say. */
  spend(code: string): void {
    this.#codes.delete(code)
  }
}
