import type { Request, Response } from 'express'
import { isOwnName, TOKEN } from '../headers/header-names.ts'

/** Seconds. Chromium keeps no answer for longer than two hours. */
const MAX_AGE = '600'

/**
 * CORS (Fetch §3.2) for pages of other origins that the application names, with cookies. The session cookie is `SameSite=Lax`, so these are
 * origins of the same site, unless the application changes that. What the target says about it never counts.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>
  readonly #methods: readonly string[] | undefined

  /** @param methods that may be forwarded; `undefined`: all. */
  constructor(origins: ReadonlySet<string>, methods: readonly string[] | undefined) {
    this.#origins = origins
    this.#methods = methods
  }

  /** Lets the page read the answer, also one that is an error. */
  mark(req: Request, res: Response): void {
    res.vary('Origin')
    const { origin } = req.headers
    if (origin === undefined || !this.#origins.has(origin)) return
    res.setHeader('Access-Control-Allow-Origin', origin)
    res.setHeader('Access-Control-Allow-Credentials', 'true')
  }

  isPreflight({ method, headers }: Request): boolean {
    return method === 'OPTIONS' && headers.origin !== undefined && this.#requestedMethod(headers) !== undefined
  }

  /** @returns `false`: that origin may not. */
  answerPreflight({ headers }: Request, res: Response): boolean {
    res.vary('Access-Control-Request-Method').vary('Access-Control-Request-Headers')
    if (headers.origin === undefined || !this.#origins.has(headers.origin)) return false
    const method = this.#requestedMethod(headers) ?? ''
    res.setHeader('Access-Control-Allow-Methods', this.#methods?.join(', ') ?? method)
    const names = requestedHeaders(headers['access-control-request-headers'])
    if (names.length > 0) res.setHeader('Access-Control-Allow-Headers', names.join(', '))
    res.setHeader('Access-Control-Max-Age', MAX_AGE)
    res.setHeader('Cache-Control', 'no-store')
    res.writeHead(204).end()
    return true
  }

  #requestedMethod(headers: Request['headers']): string | undefined {
    const method = headers['access-control-request-method']
    return method !== undefined && TOKEN.test(method) ? method : undefined
  }
}

/** Those that would be taken over. */
function requestedHeaders(list: string | undefined): string[] {
  const names = (list ?? '').split(',').map((name) => name.trim().toLowerCase())
  return names.filter((name) => TOKEN.test(name) && !isOwnName(name))
}
