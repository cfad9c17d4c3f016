import type { Request, RequestHandler, Response } from 'express'
import session, {
  type CookieOptions,
  type SessionData,
  type SessionOptions as ExpressSessionOptions,
  type Store,
} from 'express-session'
import { AuthError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { ExpressSession } from './express-session.ts'
import { LazySession, lazySessionOf } from './lazy-session.ts'
import { MemorySessionStore } from './memory-session-store.ts'
import { SessionCookie } from './session-cookie.ts'
import { fenced, type AccountWatch } from './session-fence.ts'
import { readSession, settle, storeUnreachable } from './session-io.ts'
import { SessionReader, type HowFresh } from './session-reader.ts'
import type { SessionRecord } from './session-record.ts'
import { announcing } from './store-changes.ts'

/**
 * express-session's own options, and one of ours. `secret` is the package's, `resave` and `saveUninitialized` are `false`.
 *
 * A request that does not touch `req.session` reads the session and leaves it at that: express-session runs when something asks for it, and
 * once in a tenth of the idle time (`cookie.maxAge`; at least once a minute), so that the store goes on keeping the session. It runs on every
 * request with `rolling: true`, `unset: 'destroy'` and for a `cookie.path` other than `/`.
 *
 * Without `cookie.maxAge` the idle time is the store's: `store.ttl`, in seconds, as connect-redis has it. A store that has a shorter one than
 * 10 minutes and does not say so may end a session up to a minute early, be it in use: give the cookie a `maxAge` then.
 */
export type SessionOptions = Omit<ExpressSessionOptions, 'secret' | 'resave' | 'saveUninitialized' | 'cookie'> & {
  /** Over `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` on https. */
  cookie?: CookieOptions | undefined
  /**
   * How old a session may be that a GET or HEAD request reads, but for event streams and upgrades, in milliseconds. Default 0: each request
   * asks the store. With more, a process keeps up to 10,000 sessions for so long; what it changes itself, by `req.session` or
   * `req.sessionStore`, it sees at once, and a sign-out in another process within that time. A handler of such a request that changes the
   * session changes what was read.
   */
  cacheMs?: number | undefined
}

export interface SessionMiddlewareSettings {
  /** Of the package's instance: two that are mounted apart have a session each. */
  readonly name: string
  readonly secrets: readonly string[]
  /** Is the application's public origin https? Then the cookie is `Secure`, and only sent there. */
  readonly isHttps: boolean
  readonly options: SessionOptions
}

/** What must be known of sessions elsewhere. */
export interface SessionWatch extends AccountWatch {
  /** It was deleted in this process, by `req.session` or `req.sessionStore`, and did not go on under another id. */
  ended(sessionId: string): void
  /** All in a store were, or should have been. */
  cleared(): void
}

/** Of an instance that was given no name. */
export const DEFAULT_NAME = 'main'

/** What express-session calls its cookie unless told otherwise. */
const DEFAULT_COOKIE = 'connect.sid'

/** Makes sure that the request has a session: the application's own, if it mounted one before us, else ours. */
export class SessionMiddleware {
  readonly #cookieName: string
  readonly #cookie: CookieOptions
  readonly #own: ExpressSession
  readonly #ownFence: Request['sessionStore']
  readonly #reader: SessionReader
  readonly #ids: SessionCookie
  /** Something is to be done for each session, touched or not. */
  readonly #isEager: boolean
  readonly #trustsForwardedProto: boolean
  readonly #isHttps: boolean
  readonly #watch: SessionWatch
  /** By the store itself; the application may have several. */
  readonly #fences = new WeakMap<Store, Request['sessionStore']>()
  /** The store that requests come with: the application's own is known when the first one has come. */
  #store: Store
  /** Names of cookies that a session would have, whether or not there is one: ours, and that of the application's own if it has one. */
  #cookieNames: readonly string[]

  constructor(
    { name, secrets, isHttps, options }: SessionMiddlewareSettings,
    watch: SessionWatch,
    { now, monotonic }: Pick<Runtime, 'now' | 'monotonic'>,
  ) {
    const { cacheMs = 0, ...given } = options
    const cookie: CookieOptions = { httpOnly: true, sameSite: 'lax', secure: isHttps, path: '/', ...given.cookie }
    // The browser itself then refuses such a cookie from a subdomain or over http (RFC 6265bis §4.1.3).
    const isHostOnly = cookie.secure === true && cookie.path === '/' && cookie.domain === undefined
    const plainName = name === DEFAULT_NAME ? 'latchkey' : `latchkey-${name}`
    this.#cookieName = given.name ?? (isHostOnly ? `__Host-${plainName}` : plainName)
    this.#cookieNames = [this.#cookieName]
    this.#cookie = cookie
    this.#isHttps = isHttps
    this.#trustsForwardedProto = given.proxy === true
    this.#watch = watch
    this.#isEager = given.rolling === true || given.unset === 'destroy' || (cookie.path ?? '/') !== '/'
    this.#ids = new SessionCookie(this.#cookieName, secrets)
    this.#reader = new SessionReader(given.store ?? new MemorySessionStore(now), cacheMs, monotonic)
    const { store } = this.#reader
    this.#store = store
    // express-session adds `generate`.
    this.#ownFence = this.#fence(store as Request['sessionStore'])
    this.#own = new ExpressSession({
      ...given,
      store: this.#ownFence,
      name: this.#cookieName,
      cookie,
      secret: [...secrets],
      resave: false,
      saveUninitialized: false,
    })
  }

  /** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while the session store cannot be read; cookie and record stay as they are. */
  async load(req: Request, res: Response, howFresh: HowFresh): Promise<void> {
    if (hasSession(req)) {
      this.#demandExpressSession(req)
      this.#noteOther(req)
      req.sessionStore = this.#fence(req.sessionStore)
      return
    }
    if (!this.#reader.isReady) throw storeUnreachable(undefined)
    const { cookie } = req.headers
    const id = this.#ids.idIn(cookie)
    if (this.#isEager || !req.originalUrl.startsWith('/') || (id === undefined && this.#hasParsedCookie(req))) {
      await this.#own.run(req, res)
      req.sessionStore = this.#ownFence
      return
    }
    const record = id === undefined ? undefined : await this.#read(req, id, howFresh)
    const lazy = new LazySession(req, record, this.#cookieName, () => {
      this.#own.runOn(record?.data, cookie, req, res)
      req.sessionStore = this.#ownFence
    })
    if (id !== undefined && record !== undefined && this.#reader.mustRun(id, record)) lazy.open()
    else lazy.wait()
  }

  async #read(req: Request, id: string, howFresh: HowFresh): Promise<SessionRecord | undefined> {
    try {
      return await this.#reader.read(id, howFresh)
    } catch (error) {
      Object.assign(req, { sessionID: id, sessionStore: this.#ownFence })
      throw error
    }
  }

  /** express-session takes its cookie from cookie-parser as well. */
  #hasParsedCookie(req: Request): boolean {
    const { cookies, signedCookies } = req as {
      cookies?: Record<string, unknown>
      signedCookies?: Record<string, unknown>
    }
    return Boolean(cookies?.[this.#cookieName] ?? signedCookies?.[this.#cookieName])
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
    return readSession(this.#store, sessionId)
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
    const fence = announcing(fenced(store, this.#watch), {
      changed: (id, outcome) => {
        if (outcome === 'gone') this.#watch.ended(id)
      },
      cleared: () => this.#watch.cleared(),
    })
    this.#fences.set(store, fence).set(fence, fence)
    return fence
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

  /**
   * Names of cookies that carry sessions here. An application that mounts its own calls it what it likes: without such a cookie in the
   * request it is what express-session does by default, or as the option `name` says.
   */
  cookieNamesOf(req: Request): readonly string[] {
    const lazy = lazySessionOf(req)
    if (lazy === undefined && hasSession(req)) this.#noteOther(req)
    const carrier = lazy === undefined ? carrierOf(req) : lazy.cookieName
    return carrier === undefined || this.#cookieNames.includes(carrier)
      ? this.#cookieNames
      : [...this.#cookieNames, carrier]
  }

  /** @param req with a session. Is it the application's own? From now on it is known to have one, also where a request comes without. */
  #noteOther(req: Request): void {
    if (this.#cookieNames.includes(DEFAULT_COOKIE) || lazySessionOf(req) !== undefined) return
    if (req.sessionStore !== this.#ownFence) this.#cookieNames = [...this.#cookieNames, DEFAULT_COOKIE]
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

/** The cookie that the request's session came with. */
function carrierOf(req: Request): string | undefined {
  const { cookie } = req.headers
  if (cookie === undefined) return undefined
  const value = encodeURIComponent(`s:${req.sessionID}.`)
  const carrier = cookie.split(';').find((pair) => pair.includes(`=${value}`))
  return carrier?.split('=', 1)[0]?.trim()
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
