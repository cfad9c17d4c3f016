import type { Runtime } from '../../runtime.ts'
import type { User } from '../../session/account.ts'
import { Assertions, type Person } from './assertion.ts'
import type { ProxySettings } from '../proxy-options.ts'

/**
 * The headers that tell a target about the user: claims, each under a name of its own, and a signed assertion. What the caller sends under
 * these names never gets there, also when there is nothing to say.
 */
export class Identity {
  readonly #claims: readonly (readonly [header: string, claim: string])[]
  readonly #assertions: Assertions | undefined

  constructor({ identityHeaders = {}, assertion, targets }: ProxySettings, publicUrl: URL, runtime: Runtime) {
    this.#claims = Object.entries(identityHeaders).map(([header, claim]) => [header.toLowerCase(), claim])
    const audience = targets[0]?.origin ?? ''
    this.#assertions = assertion && new Assertions(assertion, publicUrl.origin, audience, runtime)
  }

  /** Is anything to be said? Otherwise nobody needs to ask who it is. */
  get isWanted(): boolean {
    return this.#claims.length > 0 || this.#assertions !== undefined
  }

  /**
   * Flat: name, value, name, value.
   *
   * @param person `undefined`: nobody is signed in; nothing is said.
   * @throws {AuthError} `ERR_AUTH_SETUP` if the assertion cannot be signed.
   */
  async headers(person: Person | undefined): Promise<string[]> {
    const headers: string[] = []
    if (person === undefined) return headers
    for (const [header, claim] of this.#claims) {
      const value = claimValue(person.user, claim)
      if (value !== undefined) headers.push(header, value)
    }
    if (this.#assertions !== undefined) headers.push(this.#assertions.header, await this.#assertions.about(person))
    return headers
  }
}

/**
 * A claim as the value of a header. Lists are joined by commas, objects are JSON. Everything but visible ASCII, and `%` itself, is
 * percent-encoded as UTF-8; so are a comma in a member of a list, and a blank at either end.
 */
export function claimValue(user: User, claim: string): string | undefined {
  const value = Object.hasOwn(user, claim) ? user[claim] : undefined
  if (!Array.isArray(value)) return encoded(textOf(value))
  const members = value.map((member) => encoded(textOf(member))?.replaceAll(',', '%2C'))
  return members.length === 0 ? undefined : members.join(',')
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const TO_ENCODE = /^ | $|[^ -~]+|%/g

function encoded(text: string | undefined): string | undefined {
  return text?.replace(TO_ENCODE, (part) =>
    Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
