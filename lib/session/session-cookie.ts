import { parse } from 'cookie'
import { unsign } from 'cookie-signature'
import { boundedMap } from '../bounded-map.ts'

const MAX_VERIFIED = 10_000

/** Reads the id in the session cookie as express-session does: the first cookie of the name counts, and each of the secrets. */
export class SessionCookie {
  readonly name: string
  readonly #secrets: readonly string[]
  /** Values whose signature was checked: the HMAC costs more than all else that is done with a cookie. */
  readonly #verified = boundedMap<string>(MAX_VERIFIED)

  constructor(name: string, secrets: readonly string[]) {
    this.name = name
    this.#secrets = secrets
  }

  /** @returns `undefined` without such a cookie, or with one that we did not sign. */
  idIn(header: string | undefined): string | undefined {
    if (header === undefined) return undefined
    const value = parse(header)[this.name]
    if (value === undefined || !value.startsWith('s:')) return undefined
    return this.#verified.get(value) ?? this.#verify(value)
  }

  #verify(value: string): string | undefined {
    const signed = value.slice(2)
    for (const secret of this.#secrets) {
      const id = unsign(signed, secret)
      if (id === false) continue
      if (id === '') return undefined
      this.#verified.set(copied(value), copied(id))
      return id
    }
    return undefined
  }
}

/** A part of a string keeps the whole of it in memory, here all cookies of the request. */
function copied(text: string): string {
  return Buffer.from(text).toString()
}
