export type Parse<T> = (value: string) => T

/** Reads variables, and gathers what is wrong with them. An empty variable is one that is not set. */
export class Environment {
  readonly problems: string[] = []
  readonly #variables: Readonly<Record<string, string | undefined>>

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#variables = variables
  }

  isSet(name: string): boolean {
    return (this.#variables[name] ?? '') !== ''
  }

  /** @param parse throws an error that says what the variable must be. */
  read<T>(name: string, parse: Parse<T>): T | undefined {
    const value = this.#variables[name] ?? ''
    if (value === '') return undefined
    try {
      return parse(value)
    } catch (error) {
      this.say(name, error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  text(name: string): string | undefined {
    return this.read(name, (value) => value)
  }

  say(name: string, complaint: string): void {
    this.problems.push(`${name} ${complaint}`)
  }
}

export function wholeNumber(min: number, max: number): Parse<number> {
  return (value) => {
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    throw new Error(`must be a whole number from ${min} to ${max}`)
  }
}

export function oneOf<const T extends string>(...values: readonly T[]): Parse<T> {
  return (value) => {
    const found = values.find((candidate) => candidate === value)
    if (found !== undefined) return found
    throw new Error(`must be ${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`)
  }
}

/** Codes and tokens travel there, so it is https, or does not leave this machine. */
export const url: Parse<string> = (value) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') throw new Error('must be an absolute https: URL')
  if (parsed.username !== '' || parsed.password !== '') throw new Error('must not contain credentials')
  if (parsed.search !== '' || parsed.hash !== '') throw new Error('must not have a query or fragment')
  if (parsed.protocol === 'http:' && !isLoopback(parsed)) throw new Error('must be https: (http: on this machine only)')
  return value
}

export const origin: Parse<string> = (value) => {
  const parsed = new URL(url(value))
  if (parsed.pathname !== '/') throw new Error('must be an origin without a path, such as https://app.example')
  return parsed.origin
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}
