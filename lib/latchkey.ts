import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { AuthError } from './errors.ts'
import { quietly } from './events.ts'
import { callbackRoute, wantedPath } from './express/callback.ts'
import { answerError } from './express/error-answer.ts'
import { loginRoute, readReturnPath } from './express/login.ts'
import { logoutRoute } from './express/logout.ts'
import { isNavigation } from './express/navigation.ts'
import type { Parts } from './express/parts.ts'
import { ConnectedRequest, type RequestAuth } from './express/request-auth.ts'
import { requireAuth, type Requirements } from './express/require-auth.ts'
import { redirectToLogin } from './express/sign-in.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import { MemoryGrantStore } from './grants/memory-grant-store.ts'
import { readLatchkeyOptions, type LatchkeyOptions } from './options.ts'
import { AuthorizationServer } from './protocol/authorization-server.ts'
import { createProxy, type Proxy, type ProxyOptions } from './proxy/proxy.ts'
import { systemRuntime, type Runtime } from './runtime.ts'
import { Sealer } from './sealer.ts'
import { SessionCorner } from './session/session-corner.ts'
import { demandSessionBefore, SessionMiddleware } from './session/session-middleware.ts'

/** How long `close()` lets proxied answers go on. */
const CLOSE_BUDGET_MS = 2_000

/** How the parts outside the application are doing. `degraded`: some requests will get 503 until that changes. */
export interface Health {
  readonly status: 'ok' | 'degraded'
  /** Is its metadata known? It is fetched once, so a server that went down later shows in the requests that need it. */
  readonly provider: 'ok' | 'unreachable'
  readonly grants: 'ok' | 'unreachable'
}

/** Express middleware: session, `/login`, `/callback`, `/logout` and `req.auth`. */
export interface Latchkey extends RequestHandler {
  /** The guard for routes. @throws {AuthError} `ERR_AUTH_OPTIONS` */
  requireAuth(requirements?: Requirements): RequestHandler
  /** Forwards to `target`, below the path it is mounted on, with the end-user's access token. @throws {AuthError} `ERR_AUTH_OPTIONS` */
  proxy(target: string | URL, options?: ProxyOptions): RequestHandler
  /**
   * Answers the errors that handlers of the application pass on from `req.auth`, as everywhere else: sign in again, try later. Mount it
   * after the routes: `app.use(auth.errorHandler)`. Other errors go on to the next handler.
   */
  readonly errorHandler: ErrorRequestHandler
  /** Fetches the provider's metadata now, rather than at the first sign-in. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  ready(): Promise<void>
  health(): Promise<Health>
  /** Waits for refreshes under way, then cuts what the proxies still forward. Call it when the server has stopped listening. */
  close(): Promise<void>
}

/**
 * Signs users in at an OAuth 2.0 / OpenID Connect provider and keeps their tokens fresh. Does no I/O; the provider may be down at start.
 *
 * @param runtime clock and network, for tests.
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong and what it must be.
 */
export function latchkey(options: LatchkeyOptions, runtime: Runtime = systemRuntime): Latchkey {
  const settings = readLatchkeyOptions(options)
  const { provider, publicUrl, paths, routes } = settings
  const tell = quietly(settings.onEvent)
  const now = (): number => runtime.now()
  const server = new AuthorizationServer(
    provider,
    { redirectUri: settings.redirectUri, timeoutMs: settings.timeoutMs },
    runtime,
  )
  const { grants = new MemoryGrantStore({ now }) } = settings
  const keeper = new GrantKeeper(
    typeof grants === 'function' ? grants(settings.secrets) : grants,
    () => server,
    settings.refresh,
    runtime,
    tell,
  )
  const session = new SessionMiddleware(
    {
      name: settings.name,
      secrets: settings.secrets,
      isHttps: publicUrl.protocol === 'https:',
      options: settings.session,
    },
    now,
  )
  const parts: Parts = {
    settings: {
      paths,
      loginParameters: settings.loginParameters,
      afterLogin: settings.afterLogin,
      afterLogout: settings.afterLogout,
      origin: publicUrl.origin,
      loginUrl: paths.login,
      homeUrl: '/',
      errorPage: settings.errorPage,
    },
    provider: 'main',
    server,
    keeper,
    session,
    corner: new SessionCorner(settings.name, settings.keepInSession, now),
    stateSealer: new Sealer(settings.secrets, 'state'),
    responseSealer: new Sealer(settings.secrets, 'authorization response'),
    runtime,
    tell,
  }
  const handlers: Readonly<Record<string, Partial<Record<string, (req: Request, res: Response) => Promise<void>>>>> = {
    [routes.login]: { GET: loginRoute(parts) },
    [routes.callback]: { GET: callbackRoute(parts), POST: callbackRoute(parts) },
    [routes.logout]: { GET: logoutRoute(parts), POST: logoutRoute(parts) },
  }
  const proxies: Proxy[] = []
  let isOrderChecked = false

  /** The session and `req.auth`, once per request, whichever of our handlers comes first. */
  async function attach(req: Request, res: Response): Promise<ConnectedRequest> {
    const attached = req.auth as RequestAuth | undefined
    if (attached instanceof ConnectedRequest && attached.isOf(parts)) return attached
    await session.load(req, res)
    const auth = new ConnectedRequest(parts, req, res)
    req.auth = auth
    return auth
  }

  function fail(error: unknown, req: Request, res: Response, next: (error: unknown) => void): void {
    if (!(error instanceof AuthError)) return next(error)
    if (error.status >= 500) tell({ type: 'error', code: error.code, route: req.baseUrl + req.path, error })
    const isOwnRoute = Object.hasOwn(handlers, req.path)
    const returnPath = isNavigation(req) ? wantedPath(parts, req, isOwnRoute) : undefined
    answerError(error, req, res, parts.settings, returnPath)
  }

  async function latchkeyMiddleware(req: Request, res: Response, next: NextFunction): Promise<void> {
    try {
      if (!isOrderChecked) demandSessionBefore(req, latchkeyMiddleware as RequestHandler)
      isOrderChecked = true
      await attach(req, res)
      const methods = Object.hasOwn(handlers, req.path) ? handlers[req.path] : undefined
      if (methods !== undefined) return await answerRoute(methods, req, res)
    } catch (error) {
      return fail(error, req, res, next)
    }
    next()
  }

  return Object.assign(latchkeyMiddleware as RequestHandler, {
    requireAuth: (requirements: Requirements = {}) => requireAuth(parts, attach, fail, requirements),
    proxy(target: string | URL, proxyOptions: ProxyOptions = {}) {
      const proxy = createProxy(target, proxyOptions, {
        publicUrl,
        sessionCookieOf: (req) => session.cookieNameOf(req),
        attach,
        fail,
      })
      proxies.push(proxy)
      return proxy.handler
    },
    errorHandler: function latchkeyErrorHandler(error: unknown, req: Request, res: Response, next: NextFunction) {
      const needsLogin = error instanceof AuthError && error.status === 401
      if (!needsLogin || !isNavigation(req) || res.headersSent) return fail(error, req, res, next)
      redirectToLogin(res, readReturnPath(req.originalUrl, parts.settings), parts.settings)
    },
    ready: () => server.ready(),
    async health(): Promise<Health> {
      const [atProvider, atStore] = await Promise.all([isOk(server.ready()), isOk(keeper.check())])
      return {
        status: atProvider === 'ok' && atStore === 'ok' ? 'ok' : 'degraded',
        provider: atProvider,
        grants: atStore,
      }
    },
    async close() {
      await keeper.close()
      // An event stream never ends by itself.
      await Promise.race([Promise.all(proxies.map((proxy) => proxy.close())), runtime.sleep(CLOSE_BUDGET_MS)])
      await Promise.all(proxies.map((proxy) => proxy.destroy()))
    },
  })
}

async function answerRoute(
  methods: Partial<Record<string, (req: Request, res: Response) => Promise<void>>>,
  req: Request,
  res: Response,
): Promise<void> {
  const handler = methods[req.method]
  if (handler !== undefined) return handler(req, res)
  const allowed = Object.keys(methods).join(', ')
  res.status(405).set({ Allow: allowed, 'Cache-Control': 'no-store' })
  res.type('text').send(`This address takes ${allowed} only.\n`)
}

async function isOk(check: Promise<void>): Promise<'ok' | 'unreachable'> {
  return check.then(
    () => 'ok',
    () => 'unreachable',
  )
}
