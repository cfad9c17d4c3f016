import { headerValue, type Body, type Message, type Parameter } from './message.ts'
import { isOpen, isSentence } from './open-parameters.ts'
import { short } from './short.ts'

/** Shorter values are too common in other places. */
const MIN_LENGTH = 8

/**
 * The values that were secret somewhere on the wire. They are covered wherever else they turn up, in an error description for instance.
 * That comes on top of masking by name, which does not need to have seen a value before.
 */
export class Secrets {
  readonly #values = new Set<string>()

  addMessage({ query, headers, body }: Message): void {
    this.#addAll(query)
    this.addBody(body)
    const [scheme, credentials] = (headerValue(headers, 'authorization') ?? '').split(/ +/)
    if (credentials === undefined) return
    this.#add(credentials)
    if (scheme?.toLowerCase() === 'basic') this.#addBasic(credentials)
  }

  addBody({ parameters }: Body): void {
    this.#addAll(parameters)
  }

  cover(text: string): string {
    if (text.length < MIN_LENGTH) return text
    let covered = text
    for (const value of this.#values) if (covered.includes(value)) covered = covered.replaceAll(value, short(value))
    return covered
  }

  #addAll(parameters: readonly Parameter[]): void {
    for (const [name, value] of parameters) if (!isOpen(name) && !isSentence(name)) this.#add(value)
  }

  /** The password alone: the user name is the client's id. */
  #addBasic(credentials: string): void {
    const pair = Buffer.from(credentials, 'base64').toString('utf8')
    const password = pair.slice(pair.indexOf(':') + 1)
    this.#add(password)
    try {
      this.#add(decodeURIComponent(password.replaceAll('+', ' ')))
    } catch {
      // Not form-encoded (RFC 6749 §2.3.1 is not followed by all), so it was added as it is.
    }
  }

  #add(value: string): void {
    if (value.length < MIN_LENGTH) return
    this.#values.add(value)
    this.#values.add(encodeURIComponent(value))
  }
}
