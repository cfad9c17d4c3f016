import { quietly, type AuthEvent } from './events.ts'
import { backchannelLogoutRoute } from './express/backchannel-logout.ts'
import { callbackRoute } from './express/callback.ts'
import { loginRoute } from './express/login.ts'
import { logoutRoute } from './express/logout.ts'
import type { ExpressSettings, Parts } from './express/parts.ts'
import { ProviderLogout } from './express/provider-logout.ts'
import { Registrations } from './express/registrations.ts'
import { Routes } from './express/routes.ts'
import { SessionBindings } from './express/session-bindings.ts'
import { SignIns } from './express/sign-ins.ts'
import { isStillSignedIn } from './express/still-signed-in.ts'
import { AuthError } from './errors.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import type { GrantStore } from './grants/grant-store.ts'
import { MemoryGrantStore } from './grants/memory-grant-store.ts'
import type { Settings } from './options.ts'
import { AuthorizationServer } from './protocol/authorization-server.ts'
import { LiveConnections } from './proxy/live/live-connections.ts'
import type { Runtime } from './runtime.ts'
import { Sealer } from './sealer.ts'
import { SessionCorner } from './session/session-corner.ts'
import { SessionMiddleware } from './session/session-middleware.ts'
import { Telemetry } from './telemetry.ts'

/** The parts of one instance, put together. */
export interface Assembly {
  readonly parts: Parts
  readonly ownRoutes: Routes
  /** What is open now: web sockets, answers under way. */
  readonly live: LiveConnections
  readonly providerLogout: ProviderLogout
  readonly grantStore: GrantStore
}

/** @throws {AuthError} `ERR_AUTH_OPTIONS` for a grant store that does not go with the settings. */
export function assemble(settings: Settings, runtime: Runtime): Assembly {
  const telemetry = new Telemetry(settings.name)
  const toApplication = quietly(settings.onEvent)
  const tell = (event: AuthEvent): void => {
    telemetry.count(event)
    if ((event.type === 'sign-out' || event.type === 'grant-ended' || event.type === 'disconnect') && event.grantId)
      live.grantEnded(event.grantId)
    toApplication(event)
  }
  const now = (): number => runtime.now()
  const registrations = connectedRegistrations(settings, runtime)
  const { grants = new MemoryGrantStore({ now }) } = settings
  const grantStore = typeof grants === 'function' ? grants({ secrets: settings.secrets, now }) : grants
  demandLongMemory(grantStore, settings.refresh.leaseMs)
  const keeper = new GrantKeeper(
    grantStore,
    (key) => registrations.serverOf(key),
    settings.refresh,
    runtime,
    tell,
    telemetry,
  )
  const corner = new SessionCorner(settings.name, settings.keepInSession, now)
  const bindings = new SessionBindings(keeper, corner, runtime, (grantId, id) => live.sessionMoved(grantId, id))
  const session = new SessionMiddleware(
    {
      name: settings.name,
      secrets: settings.secrets,
      isHttps: settings.publicUrl.protocol === 'https:',
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
      ended: (id) => live.sessionEnded(id),
      cleared: () => void live.sessionsCleared(),
    },
    { now, monotonic: () => runtime.monotonic() },
  )
  const parts: Parts = {
    settings: expressSettings(settings, registrations.hasPathsBelow),
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
  const ownRoutes = new Routes(settings.routes, registrations, {
    login: { GET: login },
    callback: { GET: callback, POST: callback },
    logout: { GET: logout, POST: logout },
    backchannelLogout: { POST: backchannelLogoutRoute(parts, providerLogout) },
  })
  return { parts, ownRoutes, live, providerLogout, grantStore }
}

function connectedRegistrations(settings: Settings, runtime: Runtime): Registrations {
  const { publicUrl, timeoutMs } = settings
  return new Registrations({
    configured: settings.providers,
    isSingle: settings.isSingle,
    prefix: settings.grantKeyPrefix,
    paths: settings.paths,
    connect: (provider, callbackPath) =>
      new AuthorizationServer(provider, { redirectUri: publicUrl.origin + callbackPath, timeoutMs }, runtime),
  })
}

function expressSettings(settings: Settings, hasPathsBelow: boolean): ExpressSettings {
  const { paths, publicUrl, loginParameters, afterLogin, afterLogout, errorPage } = settings
  return {
    paths,
    hasPathsBelow,
    loginParameters,
    afterLogin,
    afterLogout,
    origin: publicUrl.origin,
    loginUrl: paths.login,
    homeUrl: '/',
    errorPage,
  }
}

/** A tombstone must outlive every refresh under way, or a late answer would find nothing that says that the grant has ended. */
function demandLongMemory({ tombstoneMs }: GrantStore, leaseMs: number): void {
  if (tombstoneMs === undefined || tombstoneMs > 3 * leaseMs) return
  throw new AuthError(
    'ERR_AUTH_OPTIONS',
    'latchkey(): "tombstoneMs" of the grant store must be longer than three times "refresh.leaseMs"',
  )
}
