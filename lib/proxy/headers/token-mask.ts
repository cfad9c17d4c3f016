/** A header's value without the access token, which must not reach the browser. */
export function masked(value: string, token: string | undefined): string {
  return token !== undefined && value.includes(token) ? value.replaceAll(token, '*'.repeat(token.length)) : value
}

/**
 * Takes the access token out of the body of an error: some servers repeat the token that they refuse. What stands in its place is as long, so
 * that the length of the body stays true. A compressed body passes as it is.
 */
export class TokenMask {
  readonly #token: Buffer
  readonly #stars: Buffer
  /** The end of what came so far, where the token may have begun. */
  #tail: Buffer = Buffer.alloc(0)

  constructor(token: string) {
    this.#token = Buffer.from(token)
    this.#stars = Buffer.alloc(this.#token.length, '*')
  }

  /** @returns what can go out by now. */
  body(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#tail, chunk])
    for (let at = bytes.indexOf(this.#token); at !== -1; at = bytes.indexOf(this.#token, at))
      this.#stars.copy(bytes, at)
    const rest = this.#beginningAtEnd(bytes)
    this.#tail = bytes.subarray(bytes.length - rest)
    return bytes.subarray(0, bytes.length - rest)
  }

  /** @returns what was kept back. */
  end(): Buffer {
    return this.#tail
  }

  /** How many of the last bytes could be the first ones of the token. */
  #beginningAtEnd(bytes: Buffer): number {
    for (let length = Math.min(this.#token.length - 1, bytes.length); length > 0; length -= 1) {
      if (bytes.subarray(bytes.length - length).equals(this.#token.subarray(0, length))) return length
    }
    return 0
  }
}
