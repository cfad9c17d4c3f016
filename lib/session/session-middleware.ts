import type { Request, RequestHandler, Response } from 'express'
import session, {
  type CookieOptions,
  type SessionData,
  type SessionOptions as ExpressSessionOptions,
  type Store,
} from 'express-session'
import { AuthError } from '../errors.ts'
import { MemorySessionStore } from './memory-session-store.ts'
import { settle, storeUnreachable } from './session-io.ts'
import { fenced, type AccountWatch } from './session-fence.ts'

/** express-session's own options. `secret` is the package's, `resave` and `saveUninitialized` are `false`. */
export type SessionOptions = Omit<ExpressSessionOptions, 'secret' | 'resave' | 'saveUninitialized' | 'cookie'> & {
  /** Over `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` on https. */
  cookie?: CookieOptions | undefined
}

export interface SessionMiddlewareSettings {
  /** Of the package's instance: two that are mounted apart have a session each. */
  readonly name: string
  readonly secrets: readonly string[]
  /** Is the application's public origin https? Then the cookie is `Secure`, and only sent there. */
  readonly isHttps: boolean
  readonly options: SessionOptions
}

/** Of an instance that was given no name. */
export const DEFAULT_NAME = 'main'

/** Makes sure that the request has a session: the application's own, if it mounted one before us, else ours. */
export class SessionMiddleware {
  readonly #cookieName: string
  readonly #cookie: CookieOptions
  readonly #own: RequestHandler
  readonly #trustsForwardedProto: boolean
  readonly #isHttps: boolean
  readonly #watch: AccountWatch
  /** By the store itself; the application may have several. */
  readonly #fences = new WeakMap<Store, Request['sessionStore']>()
  /** The store that requests come with: the application's own is known when the first one has come. */
  #store: Store
  constructor({ name, secrets, isHttps, options }: SessionMiddlewareSettings, watch: AccountWatch, now: () => number) {
    const cookie: CookieOptions = { httpOnly: true, sameSite: 'lax', secure: isHttps, path: '/', ...options.cookie }
    // The browser itself then refuses such a cookie from a subdomain or over http (RFC 6265bis §4.1.3).
    const isHostOnly = cookie.secure === true && cookie.path === '/' && cookie.domain === undefined
    const plainName = name === DEFAULT_NAME ? 'latchkey' : `latchkey-${name}`
    this.#cookieName = options.name ?? (isHostOnly ? `__Host-${plainName}` : plainName)
    this.#cookie = cookie
    this.#isHttps = isHttps
    this.#trustsForwardedProto = options.proxy === true
    this.#watch = watch
    const store = options.store ?? new MemorySessionStore(now)
    this.#store = store
    this.#own = session({
      ...options,
      store,
      name: this.#cookieName,
      cookie,
      secret: [...secrets],
      resave: false,
      saveUninitialized: false,
    })
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be read; cookie and record stay as they are. */
  async load(req: Request, res: Response): Promise<void> {
    if (hasSession(req)) this.#demandExpressSession(req)
    else await this.#open(req, res)
    req.sessionStore = this.#fence(req.sessionStore)
  }

  /** Is it one process alone that has the sessions? */
  get isInMemory(): boolean {
    return this.#store instanceof MemorySessionStore || this.#store instanceof session.MemoryStore
  }

  /** Notes the application's own session store, of a request whose session does not matter. */
  recognise(req: Request): void {
    if (!hasSession(req)) return
    this.#demandExpressSession(req)
    this.#fence(req.sessionStore)
  }

  /**
   * What is stored of a session other than the request's own; `undefined` if there is none.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be reached.
   */
  async read(sessionId: string): Promise<SessionData | undefined> {
    let found: SessionData | null | undefined
    await settle((done) =>
      this.#store.get(sessionId, (error: unknown, stored) => {
        found = stored
        done(error)
      }),
    )
    return found ?? undefined
  }

  /**
   * Ends a session other than the request's own.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be reached.
   */
  async end(sessionId: string): Promise<void> {
    await settle((done) => this.#store.destroy(sessionId, done))
  }

  #fence(store: Request['sessionStore']): Request['sessionStore'] {
    const known = this.#fences.get(store)
    if (known !== undefined) return known
    this.#store = store
    const fence = fenced(store, this.#watch)
    this.#fences.set(store, fence).set(fence, fence)
    return fence
  }

  async #open(req: Request, res: Response): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#own(req, res, (error: unknown) => (error === undefined ? resolve() : reject(storeUnreachable(error))))
    })
    // express-session goes on without a session when its store has said `disconnect`.
    if (!hasSession(req)) throw storeUnreachable(undefined)
  }

  /**
   * A sign-in that sets no cookie ends in a loop; better to say why.
   *
   * @throws {AuthError} `ERR_AUTH_SETUP` if the cookie would not be sent over this connection.
   */
  demandCookie(req: Request): void {
    if (req.session.cookie.secure !== true || req.secure) return
    if (this.#trustsForwardedProto && req.get('x-forwarded-proto')?.split(',')[0]?.trim() === 'https') return
    const remedy = this.#isHttps
      ? `this request came over http: if TLS ends at a proxy in front of the app, let it send X-Forwarded-Proto and call app.set('trust proxy', 1)`
      : `"baseUrl" is http: but the session cookie is "secure", so browsers will not send it back`
    throw new AuthError('ERR_AUTH_SETUP', `no session cookie can be set, ${remedy}`)
  }

  /** Name of the cookie that carries the request's session; an application that mounts its own calls it what it likes. */
  cookieNameOf(req: Request): string {
    const value = encodeURIComponent(`s:${req.sessionID}.`)
    const carrier = req.headers.cookie?.split(';').find((pair) => pair.includes(`=${value}`))
    return carrier?.split('=', 1)[0]?.trim() ?? this.#cookieName
  }

  /** Takes our own cookie out of the browser; the application's is its own business. */
  clearCookie(res: Response): void {
    const { path = '/', domain, secure } = this.#cookie
    const place = { path, ...(domain !== undefined && { domain }) }
    res.clearCookie(this.#cookieName, { ...place, secure: secure === true, httpOnly: true, sameSite: 'lax' })
  }

  #demandExpressSession(req: Request): void {
    if (typeof req.sessionStore?.generate === 'function' && typeof req.session.save === 'function') return
    throw new AuthError(
      'ERR_AUTH_SETUP',
      'req.session does not come from express-session; mount that one, or none, before latchkey',
    )
  }
}

/** @types/express-session promises one always. */
function hasSession(req: Request): boolean {
  return (req as { session?: unknown }).session !== undefined && (req as { session?: unknown }).session !== null
}

interface Layers {
  readonly stack: readonly { readonly handle: { readonly name: string } }[]
}

/** Named as express-session names its middleware. */
const EXPRESS_SESSION = 'session'

/**
 * express-session does nothing when another session is there already: mounted after us, the application's own store and cookie
 * would silently stay unused.
 *
 * @throws {AuthError} `ERR_AUTH_SETUP`, naming the remedy.
 */
export function demandSessionBefore(req: Request, ours: RequestHandler): void {
  // Express 4 throws at `router`.
  const app = req.app as unknown as { _router?: Layers; router: Layers }
  const handlers = (app._router ?? app.router).stack.map((layer) => layer.handle)
  const at = handlers.indexOf(ours)
  if (at === -1 || !handlers.slice(at + 1).some((handler) => handler.name === EXPRESS_SESSION)) return
  throw new AuthError(
    'ERR_AUTH_SETUP',
    'express-session is mounted after latchkey and does nothing there; move app.use(session(…)) before app.use(auth), or leave it out',
  )
}
