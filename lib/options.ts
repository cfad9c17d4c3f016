import * as z from 'zod'
import { AuthError } from './errors.ts'
import type { AuthEvent } from './events.ts'
import type { ErrorPage } from './express/error-answer.ts'
import { LOGIN_PARAMETERS, type LoginParameter, type RoutePaths } from './express/parts.ts'
import { isProvider, TenantProvider } from './express/per-tenant.ts'
import type { ConfiguredProvider } from './express/registrations.ts'
import type { EngineSettings } from './grants/engine.ts'
import type { GrantStore, GrantStoreFactory } from './grants/grant-store.ts'
import {
  defined,
  fn,
  isRecord,
  oneOf,
  positive,
  readOptions,
  suggestion,
  text,
  type Same,
  type Say,
} from './option-reader.ts'
import { extrasOf, urlComplaint } from './url-rule.ts'
import { parseReturnPath, type ReturnPath } from './protocol/return-path.ts'
import type { Provider } from './providers/provider.ts'
import { compareRefresh, readRefreshOptions, refreshSchema, type RefreshOptions } from './refresh-options.ts'
import { DEFAULT_NAME, type SessionOptions } from './session/session-middleware.ts'

export interface LatchkeyOptions {
  /** The application's public origin, with the path that `app.use(path, auth)` mounts at, if any. Redirect URIs are built from it. */
  baseUrl: string
  /** Who signs people in: `oidc({ … })`, or one for each tenant: `perTenant({ … })`. Either this or `providers`. */
  provider?: Provider | TenantProvider | undefined
  /** Several, by a key that stands in paths (`/login/:key`), grants and events: a letter, then letters, digits, `_` and `-`. */
  providers?: Readonly<Record<string, Provider | TenantProvider>> | undefined
  /** Keys of the `providers` that may sign a user in; the others are only connected to who is signed in. Default all. */
  signInWith?: readonly string[] | undefined
  /** 32 bytes or more, from a random source. Signs cookies and seals what is stored. A list rotates: the first signs, all are accepted. */
  secret: string | readonly string[]
  /** express-session's options, such as `store`, and `cacheMs`. When the application mounts its own session before, only `name` counts. */
  session?: SessionOptions | undefined
  /** Where the tokens live: `redisGrants(redis)`. Default: in memory, for one process. */
  grants?: GrantStore | GrantStoreFactory | undefined
  /** Tells several instances in one application apart. Default `main`. */
  name?: string | undefined
  /** Default `/login`, `/callback`, `/logout`, `/backchannel-logout`. */
  routes?:
    | {
        login?: string | undefined
        callback?: string | undefined
        logout?: string | undefined
        backchannelLogout?: string | undefined
      }
    | undefined
  /** Parameters of the authorization request that `/login` takes from its query. Default none. */
  loginParameters?: readonly LoginParameter[] | undefined
  /** A path on this site. Default `/`. */
  afterLogin?: string | undefined
  /** A path on this site; with `baseUrl`'s origin the `post_logout_redirect_uri` to register. Default `/`. */
  afterLogout?: string | undefined
  /** Keys of an anonymous session that survive the sign-in. The rest is dropped, for somebody else could have planted it. Default none. */
  keepInSession?: readonly string[] | undefined
  /** How access tokens are kept fresh. */
  refresh?: RefreshOptions | undefined
  /** For each answer of the authorization server but those to refreshes (`refresh.deadlineMs`). Milliseconds, default 8,000. */
  timeoutMs?: number | undefined
  /** The page that people see when something went wrong. */
  errorPage?: ErrorPage | undefined
  /** Told of sign-ins, refreshes and failures; holds no secrets. */
  onEvent?: ((event: AuthEvent) => void) | undefined
}

/** What the options mean, checked and complete. */
export interface Settings {
  readonly publicUrl: URL
  readonly providers: readonly ConfiguredProvider[]
  /** `true`: given as `provider`. */
  readonly isSingle: boolean
  /** Goes before the providers' keys in grants and events. */
  readonly grantKeyPrefix: string
  readonly secrets: readonly [string, ...string[]]
  readonly session: SessionOptions
  readonly grants: GrantStore | GrantStoreFactory | undefined
  readonly name: string
  /** Below the mount point. */
  readonly routes: RoutePaths
  /** On the public origin. */
  readonly paths: RoutePaths
  readonly loginParameters: readonly LoginParameter[]
  readonly afterLogin: ReturnPath
  readonly afterLogout: ReturnPath
  readonly keepInSession: readonly string[]
  readonly refresh: EngineSettings
  readonly timeoutMs: number
  readonly errorPage: ErrorPage | undefined
  readonly onEvent: ((event: AuthEvent) => void) | undefined
}

const MIN_SECRET_BYTES = 32
const isObjectWith = (value: unknown, ...keys: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && keys.every((key) => key in value)

const GRANT_STORE_METHODS = ['create', 'read', 'claim', 'release', 'commit', 'settle', 'end', 'find'] as const

const secret = z.custom<string>((value) => typeof value === 'string' && Buffer.byteLength(value) >= MIN_SECRET_BYTES, {
  error: `must be at least ${MIN_SECRET_BYTES} bytes long; make one with: openssl rand -base64 32`,
})
const path = z.custom<string>((value) => typeof value === 'string' && parseReturnPath(value) === value, { error: 'must be a path on this site, such as /welcome' }) // prettier-ignore
const route = z.custom<string>((value) => typeof value === 'string' && /^(?:\/[\w.~-]+)+$/.test(value) && parseReturnPath(value) === value, { error: 'must be a path such as /login' }) // prettier-ignore
const milliseconds = positive('milliseconds')
const providerSchema = z.custom<Provider | TenantProvider>((value) => isProvider(value) || value instanceof TenantProvider, { error: 'must be made by a factory from latchkey/providers, such as oidc({ … })' }) // prettier-ignore

const schema = z.strictObject({
  baseUrl: z.custom<string>((value) => typeof value === 'string', {
    error: 'must be the public https: origin of the application',
  }),
  provider: providerSchema.optional(),
  providers: z.record(z.string(), providerSchema, 'must be an object: { work: oidc({ … }), … }').readonly().optional(),
  signInWith: z.array(text(), 'must be a list of keys of "providers"').readonly().optional(),
  secret: z.union([secret, z.array(secret).min(1, 'must not be an empty list').readonly()], {
    error: `must be at least ${MIN_SECRET_BYTES} bytes long, or a list of such; make one with: openssl rand -base64 32`,
  }),
  session: z
    .custom<SessionOptions>((value) => isObjectWith(value), { error: `must be express-session's options` })
    .optional(),
  grants: z
    .custom<GrantStore | GrantStoreFactory>(
      (value) => typeof value === 'function' || isObjectWith(value, ...GRANT_STORE_METHODS),
      { error: 'must be a grant store, such as redisGrants(redis)' },
    )
    .optional(),
  name: z.custom<string>((value) => typeof value === 'string' && /^[\w-]+$/.test(value), { error: 'must be a short name' }).optional(), // prettier-ignore
  routes: z
    .strictObject({
      login: route.optional(),
      callback: route.optional(),
      logout: route.optional(),
      backchannelLogout: route.optional(),
    })
    .optional(),
  loginParameters: z
    .array(oneOf(...LOGIN_PARAMETERS), 'must be a list')
    .readonly()
    .optional(),
  afterLogin: path.optional(),
  afterLogout: path.optional(),
  keepInSession: z.array(text(), 'must be a list of keys').readonly().optional(),
  refresh: refreshSchema.optional(),
  timeoutMs: milliseconds.optional(),
  errorPage: fn<ErrorPage>('(context) => html').optional(),
  onEvent: fn<(event: AuthEvent) => void>('(event) => void').optional(),
})

const documented: Same<z.input<typeof schema>, LatchkeyOptions> = true
void documented

const DEFAULT_ROUTES: RoutePaths = {
  login: '/login',
  callback: '/callback',
  logout: '/logout',
  backchannelLogout: '/backchannel-logout',
}
/** @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong and what it must be. */
export function readLatchkeyOptions(options: LatchkeyOptions): Settings {
  const read = readOptions(schema, options, 'latchkey()', compare)
  const publicUrl = new URL(read.baseUrl)
  const mount = publicUrl.pathname.replace(/\/$/, '')
  const routes = { ...DEFAULT_ROUTES, ...defined(read.routes ?? {}) }
  const name = read.name ?? DEFAULT_NAME
  const [first, ...older] = typeof read.secret === 'string' ? [read.secret] : read.secret
  if (first === undefined) throw new AuthError('ERR_AUTH_OPTIONS', 'latchkey(): "secret" must not be an empty list')
  return Object.freeze({
    publicUrl,
    providers: readProviders(read, name),
    isSingle: read.provider !== undefined,
    // Neither names nor keys have a colon in them.
    grantKeyPrefix: name === DEFAULT_NAME ? '' : `${name}:`,
    secrets: [first, ...older] as const,
    session: read.session ?? {},
    grants: read.grants,
    name,
    routes,
    paths: {
      login: mount + routes.login,
      callback: mount + routes.callback,
      logout: mount + routes.logout,
      backchannelLogout: mount + routes.backchannelLogout,
    },
    loginParameters: read.loginParameters ?? [],
    afterLogin: parseReturnPath(read.afterLogin),
    afterLogout: parseReturnPath(read.afterLogout),
    keepInSession: read.keepInSession ?? [],
    refresh: readRefreshOptions(read.refresh),
    timeoutMs: read.timeoutMs ?? 8_000,
    errorPage: read.errorPage,
    onEvent: read.onEvent,
  })
}

function readProviders(
  {
    provider,
    providers = {},
    signInWith = Object.keys(providers),
  }: Pick<LatchkeyOptions, 'provider' | 'providers' | 'signInWith'>,
  name: string,
): readonly ConfiguredProvider[] {
  if (provider !== undefined) return [{ key: name, provider, maySignIn: true }]
  return Object.entries(providers).map(([key, one]) => ({ key, provider: one, maySignIn: signInWith.includes(key) }))
}

function compare(options: Readonly<Record<string, unknown>>, say: Say): void {
  const { baseUrl, session, refresh, routes } = options
  if (typeof baseUrl === 'string') {
    // The session cookie of a site that is not https can be read on its way; only the developer's own machine may do without.
    const complaint = urlComplaint(baseUrl, false) ?? extrasOf(baseUrl)
    if (complaint !== undefined) say('baseUrl', complaint)
  }
  if (isRecord(session)) compareSession(session, say)

  compareProviders(options, say)
  compareRefresh(refresh, leastPatient(options), say)
  const paths = Object.values({ ...DEFAULT_ROUTES, ...(isRecord(routes) ? defined(routes) : {}) })
  if (new Set(paths).size < paths.length) say('routes', 'must be different from each other')
}

/** A tenant follows after a slash, an instance's name goes before with a colon. */
const PROVIDER_KEY = /^[a-z][\w-]*$/i

function compareProviders({ provider, providers, signInWith }: Readonly<Record<string, unknown>>, say: Say): void {
  if (provider === undefined && providers === undefined) say('provider', 'is missing; give it, or "providers"')
  if (provider !== undefined && providers !== undefined) say('providers', 'cannot be given together with "provider"')
  if (signInWith !== undefined && providers === undefined) say('signInWith', 'goes together with "providers" only')
  if (!isRecord(providers)) return

  const keys = Object.keys(providers)
  if (keys.length === 0) say('providers', 'must not be empty')
  if (keys.some((key) => !PROVIDER_KEY.test(key)))
    say('providers', 'must have keys of a letter, then letters, digits, "_" and "-": they stand in paths')
  if (!Array.isArray(signInWith)) return
  if (signInWith.length === 0) say('signInWith', 'must not be empty: nobody could sign in')
  for (const key of signInWith) {
    if (typeof key === 'string' && !keys.includes(key))
      say('signInWith', `has a key that is not in "providers"${suggestion(key, keys)}`)
  }
}

/** The provider that accepts a spent refresh token for the shortest time, of those that do. */
function leastPatient({ provider, providers }: Readonly<Record<string, unknown>>): unknown {
  const all = [provider, ...Object.values(isRecord(providers) ? providers : {})].filter(isRecord)
  return all.toSorted((one, other) => (graceOf(one) < graceOf(other) ? -1 : 1))[0]
}

function graceOf({ rotation }: Readonly<Record<string, unknown>>): number {
  return isRecord(rotation) ? Number(rotation['graceMs']) : Number.POSITIVE_INFINITY
}

const SESSION_OPTIONS = ['cacheMs', 'cookie', 'genid', 'name', 'proxy', 'rolling', 'store', 'unset']

/** express-session ignores what it does not know, and then a misspelt store would be memory. */
function compareSession(session: Readonly<Record<string, unknown>>, say: Say): void {
  for (const key of Object.keys(session)) {
    if (key === 'secret') say('session.secret', 'is the same as "secret"; leave it out')
    else if (!SESSION_OPTIONS.includes(key)) say(`session.${key}`, `is unknown${suggestion(key, SESSION_OPTIONS)}`)
  }
  const { store, cacheMs, cookie } = session
  if (typeof cookie === 'function') say('session.cookie', 'must be an object of options, the same for all requests')
  if (cacheMs !== undefined && !(Number.isFinite(cacheMs) && Number(cacheMs) >= 0))
    say('session.cacheMs', 'must be milliseconds, 0 or more')
  if (store !== undefined && !isObjectWith(store, 'get', 'set', 'destroy', 'on')) {
    say('session.store', 'must be a store for express-session')
  }
}
