import type { Request, RequestHandler, Response } from 'express'
import session, { type SessionData, type SessionOptions as ExpressSessionOptions, type Store } from 'express-session'
import { overlaid } from './overlaid-store.ts'
import { storeUnreachable } from './session-io.ts'

/** express-session itself, which can be given a record that was read already. */
export class ExpressSession {
  readonly #middleware: RequestHandler
  /** Set while it runs on that. */
  #given: { readonly record: SessionData | undefined } | undefined

  /** @param options with a store. */
  constructor(options: ExpressSessionOptions & { store: Store }) {
    this.#middleware = session({ ...options, store: this.#giving(options.store) })
  }

  /** Reads the record itself. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  async run(req: Request, res: Response): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#middleware(req, res, (error: unknown) =>
        error === undefined ? resolve() : reject(storeUnreachable(error)),
      )
    })
    if ((req as Partial<Request>).session === undefined) throw storeUnreachable(undefined)
  }

  /**
   * Before it returns: express-session waits for nothing but its store.
   *
   * @param cookie the header as it was when the record was read.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` for a record that it cannot use.
   */
  runOn(record: SessionData | undefined, cookie: string | undefined, req: Request, res: Response): void {
    const failures: unknown[] = []
    const { cookies, signedCookies } = req as { cookies?: unknown; signedCookies?: unknown }
    const { cookie: changed } = req.headers
    this.#given = { record }
    const isParsed = Boolean(cookies ?? signedCookies)
    // It would look there as well, and they have come since.
    if (isParsed) Object.assign(req, { cookies: undefined, signedCookies: undefined })
    if (changed !== cookie) setCookieHeader(req, cookie)
    try {
      this.#middleware(req, res, (error: unknown) => failures.push(error))
    } finally {
      this.#given = undefined
      if (isParsed) Object.assign(req, { cookies, signedCookies })
      if (changed !== cookie) setCookieHeader(req, changed)
    }
    const [failure] = failures
    if (failure !== undefined) throw storeUnreachable(failure)
  }

  /** The same store, which answers at once with what was read. */
  #giving(store: Store): Store {
    const get: Store['get'] = (id, callback) => {
      if (this.#given === undefined) return store.get(id, callback)
      callback(null, this.#given.record)
    }
    // Whether the store is there was asked before it was read.
    return overlaid(store, { get, on: () => {} })
  }
}

function setCookieHeader(req: Request, value: string | undefined): void {
  if (value === undefined) delete req.headers.cookie
  else req.headers.cookie = value
}
