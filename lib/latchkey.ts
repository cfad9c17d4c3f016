import type { RequestListener, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { AuthError } from './errors.ts'
import { quietly, type AuthEvent } from './events.ts'
import { callbackRoute, wantedPath } from './express/callback.ts'
import { backchannelLogoutRoute } from './express/backchannel-logout.ts'
import { answerError } from './express/error-answer.ts'
import { loginRoute, readReturnPath } from './express/login.ts'
import { endGrants, logoutRoute } from './express/logout.ts'
import { isNavigation } from './express/navigation.ts'
import type { Fail, Parts } from './express/parts.ts'
import { ProviderLogout } from './express/provider-logout.ts'
import { Registrations } from './express/registrations.ts'
import { ConnectedRequest, type RequestAuth } from './express/request-auth.ts'
import { requireAuth, type Requirements } from './express/require-auth.ts'
import { Routes } from './express/routes.ts'
import { isStillSignedIn, signInOf } from './express/still-signed-in.ts'
import { loginPathOf, redirectToLogin } from './express/sign-in.ts'
import { endUser, type Grants } from './express/end-user.ts'
import { SessionBindings } from './express/session-bindings.ts'
import { SignIns } from './express/sign-ins.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import type { GrantStore } from './grants/grant-store.ts'
import { MemoryGrantStore } from './grants/memory-grant-store.ts'
import { readLatchkeyOptions, type LatchkeyOptions } from './options.ts'
import { AuthorizationServer } from './protocol/authorization-server.ts'
import { warnOfPeers } from './peers.ts'
import { strategyFactory, type CreateStrategy } from './passport/create-strategy.ts'
import { beforeLogOut } from './passport/log-out.ts'
import { lengthComplaint, malformed } from './proxy/gate/framing.ts'
import { LiveConnections } from './proxy/upgrade/live-connections.ts'
import type { ProxyOptions } from './proxy/proxy-options.ts'
import { createProxy, type Proxy } from './proxy/proxy.ts'
import { attachLonelyUpgrades, attachUpgrades, type AttachOptions } from './proxy/upgrade/upgrade-listener.ts'
import { upgradeOf } from './proxy/upgrade/upgrade-request.ts'
import { systemRuntime, type Runtime } from './runtime.ts'
import { createServer, type ServerOptions } from './server.ts'
import { Sealer } from './sealer.ts'
import { Telemetry } from './telemetry.ts'
import type { HowFresh } from './session/session-reader.ts'
import { SessionCorner } from './session/session-corner.ts'
import { demandSessionBefore, SessionMiddleware } from './session/session-middleware.ts'

/** How long `close()` lets proxied answers go on. */
const CLOSE_BUDGET_MS = 2_000

/** How the parts outside the application are doing. `degraded`: some requests will get 503 until that changes. */
export interface Health {
  readonly status: 'ok' | 'degraded'
  /** Is the metadata of all of them known, but for tenants? It is fetched once, so a server that went down later shows in the requests that need it. */
  readonly provider: 'ok' | 'unreachable'
  readonly grants: 'ok' | 'unreachable'
}

/** Express middleware: session, `/login`, `/callback`, `/logout`, `/backchannel-logout` and `req.auth`. */
export interface Latchkey extends RequestHandler {
  /** The guard for routes. @throws {AuthError} `ERR_AUTH_OPTIONS` */
  requireAuth(requirements?: Requirements): RequestHandler
  /** Forwards to `target`, below the path it is mounted on, with the end-user's access token. @throws {AuthError} `ERR_AUTH_OPTIONS` */
  proxy(target: string | URL | readonly (string | URL)[], options?: ProxyOptions): RequestHandler
  /**
   * Has upgrades (web sockets) that arrive at `server`, which serves the application's requests, go through the application: the session is
   * read, the guards decide, and the proxy they reach joins client and target. Before that it is the same request as any other, with the
   * same mount paths.
   *
   * A web socket is closed with 4401 when its sign-in ends, with 1001 by `close()`.
   *
   * @throws {AuthError} `ERR_AUTH_OPTIONS`
   */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): void
  /**
   * The server for an application that uses this: `auth.createServer(app).listen(3000)`. As `http.createServer(app)`, or `https.createServer`
   * where `options` have `key`, `cert`, `pfx` or `SNICallback`; on Node 20 and 22 Express is faster on it. Upgrades go
   * through the application, as after `attach`, unless the server is given other `upgrade` listeners: then they are left to those, but for
   * what `attach(server, { path })` names.
   *
   * @param options of Node's, with its defaults.
   */
  createServer(app: RequestListener, options?: ServerOptions): HttpServer | HttpsServer
  /** Makes Passport strategies; see there. @throws {AuthError} `ERR_AUTH_OPTIONS` */
  readonly strategy: CreateStrategy
  /**
   * Answers the errors that handlers of the application pass on from `req.auth`, as everywhere else: sign in again, try later. Mount it
   * after the routes: `app.use(auth.errorHandler)`. Other errors go on to the next handler.
   */
  readonly errorHandler: ErrorRequestHandler
  /** Tokens for end-users who are away, and their sign-ins. */
  readonly grants: Grants
  /** Fetches the metadata of all providers, but for tenants, now rather than at the first sign-in. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  ready(): Promise<void>
  health(): Promise<Health>
  /** Closes web sockets, waits for refreshes under way, then cuts what the proxies still forward. Call it when the server has stopped listening. */
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
  const { publicUrl, paths, routes } = settings
  const telemetry = new Telemetry(settings.name)
  const toApplication = quietly(settings.onEvent)
  const tell = (event: AuthEvent): void => {
    telemetry.count(event)
    if ((event.type === 'sign-out' || event.type === 'grant-ended' || event.type === 'disconnect') && event.grantId)
      live.grantEnded(event.grantId)
    toApplication(event)
  }
  const now = (): number => runtime.now()
  const registrations = new Registrations({
    configured: settings.providers,
    isSingle: settings.isSingle,
    prefix: settings.grantKeyPrefix,
    paths,
    connect: (provider, callbackPath) =>
      new AuthorizationServer(
        provider,
        { redirectUri: publicUrl.origin + callbackPath, timeoutMs: settings.timeoutMs },
        runtime,
      ),
  })
  const { grants = new MemoryGrantStore({ now }) } = settings
  const store = typeof grants === 'function' ? grants({ secrets: settings.secrets, now }) : grants
  demandLongMemory(store, settings.refresh.leaseMs)
  const keeper = new GrantKeeper(
    store,
    (key) => registrations.serverOf(key),
    settings.refresh,
    runtime,
    tell,
    telemetry,
  )
  const corner = new SessionCorner(settings.name, settings.keepInSession, now)
  const bindings = new SessionBindings(keeper, corner, runtime)
  const session = new SessionMiddleware(
    {
      name: settings.name,
      secrets: settings.secrets,
      isHttps: publicUrl.protocol === 'https:',
      options: settings.session,
    },
    {
      accountOf: (stored) => corner.accountIn(stored),
      async hasLeft({ grantId, sessionId }, id) {
        await bindings.mend(grantId)
        return keeper.hasLeft(grantId, [id, sessionId])
      },
      async moved(account, stored, id) {
        await bindings.bind(account, id)
        corner.moveAccount(stored, account, id)
      },
    },
    { now, monotonic: () => runtime.monotonic() },
  )
  const parts: Parts = {
    settings: {
      paths,
      hasPathsBelow: registrations.hasPathsBelow,
      loginParameters: settings.loginParameters,
      afterLogin: settings.afterLogin,
      afterLogout: settings.afterLogout,
      origin: publicUrl.origin,
      loginUrl: paths.login,
      homeUrl: '/',
      errorPage: settings.errorPage,
    },
    registrations,
    keeper,
    session,
    corner,
    bindings,
    signIns: new SignIns(keeper, session, corner, tell),
    stateSealer: new Sealer(settings.secrets, 'state'),
    connectionSealer: new Sealer(settings.secrets, 'state of a connection'),
    responseSealer: new Sealer(settings.secrets, 'authorization response'),
    loginPaths: new WeakMap(),
    runtime,
    tell,
  }
  const live = new LiveConnections(runtime, (signIn) => isStillSignedIn(parts, signIn))
  const providerLogout = new ProviderLogout(parts, settings.timeoutMs)
  const [login, callback, logout] = [loginRoute(parts), callbackRoute(parts), logoutRoute(parts)]
  const ownRoutes = new Routes(routes, registrations, {
    login: { GET: login },
    callback: { GET: callback, POST: callback },
    logout: { GET: logout, POST: logout },
    backchannelLogout: { POST: backchannelLogoutRoute(parts, providerLogout) },
  })
  const proxies: Proxy[] = []
  let isSetupChecked = false
  let closing: Promise<void> | undefined

  /** The session and `req.auth`, once per request, whichever of our handlers comes first. */
  async function attach(
    req: Request,
    res: Response,
    howFresh: HowFresh = isRead(req) ? 'as-cached' : 'fresh',
  ): Promise<ConnectedRequest> {
    const attached = req.auth as RequestAuth | undefined
    if (attached instanceof ConnectedRequest && attached.isOf(parts)) return attached
    await session.load(req, res, howFresh)
    const auth = new ConnectedRequest(parts, req, res)
    req.auth = auth
    if (ownRoutes.hasHandedOver) beforeLogOut(req, () => endGrants(parts, req))
    return auth
  }

  /** Never throws: a handler that rejects ends the process in Express 4, and functions of the application are asked here. */
  const fail: Fail = (error, req, res, next) => {
    try {
      answer(error, req, res, next)
    } catch (thrown) {
      next(thrown)
    }
  }

  const answer: Fail = (error, req, res, next) => {
    if (!(error instanceof AuthError)) return next(error)
    if (error.status >= 500) tell({ type: 'error', code: error.code, route: req.baseUrl + req.path, error })
    const isOwn = ownRoutes.isOwn(req)
    const returnPath = isNavigation(req) ? wantedPath(parts, req, isOwn) : undefined
    const loginUrl = loginPathOf(parts, req, error)
    answerError(error, req, res, { ...parts.settings, loginUrl }, returnPath)
  }

  async function latchkeyMiddleware(req: Request, res: Response, next: NextFunction): Promise<void> {
    try {
      if (!isSetupChecked) demandSessionBefore(req, latchkeyMiddleware as RequestHandler)
      const complaint = lengthComplaint(req)
      if (complaint !== undefined) throw malformed(complaint, res)
      const route = ownRoutes.find(req)
      if (route?.isSessionless === true) return await route.answer(req, res)
      await (route === undefined ? attach(req, res) : attach(req, res, 'fresh'))
      if (!isSetupChecked)
        warnOfPeers(runtime, { sessions: session.isInMemory, grants: store instanceof MemoryGrantStore })
      isSetupChecked = true
      if (route !== undefined) return await route.answer(req, res)
    } catch (error) {
      return fail(error, req, res, next)
    }
    next()
  }

  /** What is known of a tenant's server is found out when somebody of that tenant comes. */
  async function ready(): Promise<void> {
    await Promise.all(registrations.fixed.map(async ({ server }) => server.ready()))
  }

  async function close(): Promise<void> {
    const cut = live.close()
    await providerLogout.close()
    await keeper.close()
    await cut
    // An event stream never ends by itself.
    await Promise.race([Promise.all(proxies.map((proxy) => proxy.close())), runtime.sleep(CLOSE_BUDGET_MS)])
    await Promise.all(proxies.map((proxy) => proxy.destroy()))
  }

  return Object.assign(latchkeyMiddleware as RequestHandler, {
    requireAuth: (requirements: Requirements = {}) => requireAuth(parts, attach, fail, requirements),
    proxy(target: string | URL | readonly (string | URL)[], proxyOptions: ProxyOptions = {}) {
      if (typeof proxyOptions.provider === 'string') registrations.demand(proxyOptions.provider, 'proxy()')
      const proxy = createProxy(target, proxyOptions, {
        publicUrl,
        runtime,
        sessionCookiesOf: (req) => session.cookieNamesOf(req),
        async attach(req, res, provider) {
          const auth = await attach(req, res)
          return provider === undefined ? auth : auth.provider(provider)
        },
        signInOf: (req, provider) => signInOf(parts, req, provider),
        live,
        fail,
      })
      proxies.push(proxy)
      return proxy.handler
    },
    attach: (server: HttpServer | HttpsServer, attachOptions: AttachOptions = {}) =>
      attachUpgrades(server, attachOptions, runtime),
    createServer(app: RequestListener, serverOptions: ServerOptions = {}) {
      const server = createServer(app, serverOptions)
      attachLonelyUpgrades(server, runtime)
      return server
    },
    strategy: strategyFactory({
      parts,
      attach,
      onlyKey: settings.isSingle ? settings.providers[0]?.key : undefined,
      handOver: (key) => ownRoutes.handOver(key),
    }),
    errorHandler: function latchkeyErrorHandler(error: unknown, req: Request, res: Response, next: NextFunction) {
      const needsLogin = error instanceof AuthError && error.status === 401
      if (!needsLogin || !isNavigation(req) || res.headersSent) return fail(error, req, res, next)
      redirectToLogin(res, readReturnPath(req.originalUrl, parts.settings), loginPathOf(parts, req, error))
    },
    grants: { forSubject: (subject, of = {}) => endUser(parts, subject, of.provider) } satisfies Grants,
    ready,
    async health(): Promise<Health> {
      const [atProvider, atStore] = await Promise.all([isOk(ready()), isOk(keeper.check())])
      return {
        status: atProvider === 'ok' && atStore === 'ok' ? 'ok' : 'degraded',
        provider: atProvider,
        grants: atStore,
      }
    },
    close: () => (closing ??= close()),
  })
}

/** A tombstone must outlive every refresh under way, or a late answer would find nothing that says that the grant has ended. */
function demandLongMemory({ tombstoneMs }: GrantStore, leaseMs: number): void {
  if (tombstoneMs === undefined || tombstoneMs > 3 * leaseMs) return
  throw new AuthError(
    'ERR_AUTH_OPTIONS',
    'latchkey(): "tombstoneMs" of the grant store must be longer than three times "refresh.leaseMs"',
  )
}

/** An upgrade goes on for long, so that it must know better. */
function isRead(req: Request): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && upgradeOf(req) === undefined
}

async function isOk(check: Promise<void>): Promise<'ok' | 'unreachable'> {
  return check.then(
    () => 'ok',
    () => 'unreachable',
  )
}
