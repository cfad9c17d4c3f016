import type { RequestListener, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { assemble } from './assembly.ts'
import { createEntrance } from './entrance.ts'
import { AuthError } from './errors.ts'
import { endUser, type Grants } from './express/end-user.ts'
import { readReturnPath } from './express/login.ts'
import { isNavigation } from './express/navigation.ts'
import { requireAuth, type Requirements } from './express/require-auth.ts'
import { loginPathOf, redirectToLogin } from './express/sign-in.ts'
import { signInOf } from './express/still-signed-in.ts'
import { readLatchkeyOptions, type LatchkeyOptions } from './options.ts'
import { strategyFactory, type CreateStrategy } from './passport/create-strategy.ts'
import type { ProxyOptions } from './proxy/proxy-options.ts'
import { createProxy, type Proxy } from './proxy/proxy.ts'
import { attachLonelyUpgrades, attachUpgrades, type AttachOptions } from './proxy/upgrade/upgrade-listener.ts'
import { systemRuntime, type Runtime } from './runtime.ts'
import { createServer, type ServerOptions } from './server.ts'

/** How long `close()` takes at most, beyond what it waits for refreshes. */
const CLOSING_MS = 5_000

/** How long of that it lets proxied answers go on. */
const PROXIES_CLOSING_MS = 2_000

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
   * A web socket is closed with 4401 when its sign-in ends, with 1001 by `close()`; what goes on in another protocol is cut.
   *
   * @throws {AuthError} `ERR_AUTH_OPTIONS`
   */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): void
  /**
   * The server for an application that uses this: `auth.createServer(app).listen(3000)`. As `http.createServer(app)`, or `https.createServer`
   * where `options` have `key`, `cert`, `pfx` or `SNICallback`; Express is faster on it. `X-Powered-By` is disabled in `app` (not in those
   * mounted there). Upgrades go through the application, as after `attach`, unless the server is given other `upgrade` listeners: then they
   * are left to those, but for what `attach(server, { path })` names.
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
  /**
   * Closes web sockets, waits for refreshes under way, lets proxied requests go on for two seconds, cuts those that are left, and waits for
   * refreshes that they have begun. Call it when the server has stopped listening.
   */
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
  const assembly = assemble(settings, runtime)
  const { parts, ownRoutes, live, providerLogout } = assembly
  const { registrations, keeper, session } = parts
  const entrance = createEntrance(assembly)
  const { attach, note, fail } = entrance
  const proxies: Proxy[] = []
  let closing: Promise<void> | undefined

  /** What is known of a tenant's server is found out when somebody of that tenant comes. */
  async function ready(): Promise<void> {
    await Promise.all(registrations.fixed.map(async ({ server }) => server.ready()))
  }

  async function close(): Promise<void> {
    const end = runtime.monotonic() + keeper.patienceMs + CLOSING_MS
    await Promise.all([providerLogout.close(), keeper.settle(keeper.patienceMs), live.close()])
    // An event stream never ends by itself.
    await Promise.race([Promise.all(proxies.map((proxy) => proxy.close())), runtime.sleep(PROXIES_CLOSING_MS)])
    await Promise.all(proxies.map((proxy) => proxy.destroy()))
    // Those whose token was refused, or had expired while they waited, have begun others.
    await keeper.close(end - runtime.monotonic())
  }

  return Object.assign(entrance.middleware, {
    requireAuth: (requirements: Requirements = {}) => requireAuth(parts, attach, fail, requirements),
    proxy(target: string | URL | readonly (string | URL)[], proxyOptions: ProxyOptions = {}) {
      const proxy = createProxy(target, proxyOptions, {
        publicUrl: settings.publicUrl,
        providers: registrations,
        runtime,
        sessionCookiesOf: (req) => session.cookieNamesOf(req),
        async attach(req, res, provider) {
          const auth = await attach(req, res)
          return provider === undefined ? auth : auth.provider(provider)
        },
        signInOf: (req, provider) => signInOf(parts, req, provider),
        live,
        tell: parts.tell,
        note,
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

async function isOk(check: Promise<void>): Promise<'ok' | 'unreachable'> {
  return check.then(
    () => 'ok',
    () => 'unreachable',
  )
}
