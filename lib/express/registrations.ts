import type { Request } from 'express'
import { LRUCache } from 'lru-cache'
import { AuthError } from '../errors.ts'
import type { AuthorizationServer } from '../protocol/authorization-server.ts'
import type { Provider } from '../providers/provider.ts'
import { TenantProvider } from './per-tenant.ts'

/** Paths that exist once per provider. */
export interface ProviderPaths {
  readonly login: string
  readonly callback: string
  readonly backchannelLogout: string
}

export interface ConfiguredProvider {
  /** In the configuration; the instance's name where there is one provider only. */
  readonly key: string
  readonly provider: Provider | TenantProvider
  /** May it sign a user in? Otherwise it can only be connected. */
  readonly maySignIn: boolean
}

export interface RegistrationSettings {
  readonly configured: readonly ConfiguredProvider[]
  /** `true`: its paths have no key in them. */
  readonly isSingle: boolean
  /** Goes before the keys in grants and events: another instance may use the same keys, and the same store. */
  readonly prefix: string
  /** On the public origin. */
  readonly paths: ProviderPaths
  /** The door to an authorization server whose answers arrive at `callbackPath`. */
  readonly connect: (provider: Provider, callbackPath: string) => AuthorizationServer
}

/** This application as a client of one authorization server (RFC 6749 §2): of a configured provider, or of one tenant of such. */
export interface Registration {
  /** In the configuration: `healthkey`; with the tenant behind it, `hub/contoso`. */
  readonly key: string
  /** In grants and events. */
  readonly grantKey: string
  readonly server: AuthorizationServer
  /** On the public origin. Each has a callback of its own: mix-up defence (RFC 9700 §4.4). */
  readonly paths: ProviderPaths
  readonly maySignIn: boolean
}

/** Parts a tenant from its provider. Neither can have one in its name. */
const OF_TENANT = '/'

/** The key of the configuration, without the tenant. */
export function baseOf(key: string): string {
  return key.split(OF_TENANT, 1)[0] ?? ''
}

/** Two tenants of one provider: an account of the one is nobody's at the other. */
export function areOtherTenants(key: string, other: string): boolean {
  return key !== other && baseOf(key) === baseOf(other)
}

/** Is it the provider of this key, or one of its tenants? */
export function isOf(key: string, registration: Registration): boolean {
  return registration.key === key || registration.key.startsWith(key + OF_TENANT)
}

/** All authorization servers that an instance is a client of. */
export class Registrations {
  readonly #settings: RegistrationSettings
  readonly #configured: ReadonlyMap<string, ConfiguredProvider>
  /** Those without tenants. */
  readonly #fixed: ReadonlyMap<string, Registration>
  /** Of the tenants, by provider and by tenant. What is no tenant leaves nothing here. */
  readonly #tenants: ReadonlyMap<string, LRUCache<string, Registration>>

  constructor(settings: RegistrationSettings) {
    const { configured } = settings
    this.#settings = settings
    this.#configured = new Map(configured.map((one) => [one.key, one]))
    this.#fixed = new Map(
      configured.flatMap((one) =>
        one.provider instanceof TenantProvider ? [] : [[one.key, this.#register(one, one.provider)]],
      ),
    )
    this.#tenants = new Map(
      configured.flatMap(({ key, provider }) =>
        provider instanceof TenantProvider ? [[key, new LRUCache({ max: provider.max })]] : [],
      ),
    )
  }

  /** The one that does not depend on the request, if there is no other. */
  get only(): Registration | undefined {
    return this.#settings.isSingle ? this.fixed[0] : undefined
  }

  /** All but the tenants'. */
  get fixed(): readonly Registration[] {
    return [...this.#fixed.values()]
  }

  /** Do paths of providers lie below those that the application configured? */
  get hasPathsBelow(): boolean {
    return this.only === undefined
  }

  /** @param key with the tenant in it. @returns `undefined` if there is none such, any more. */
  get(key: string): Registration | undefined {
    const fixed = this.#fixed.get(key)
    if (fixed !== undefined) return fixed
    const [base = '', tenant, ...more] = key.split(OF_TENANT)
    return tenant === undefined || more.length > 0 ? undefined : this.#ofTenant(base, tenant)
  }

  /**
   * The one that a key of the configuration means for a request.
   *
   * @throws {AuthError} `ERR_AUTH_OPTIONS` for a key that is not configured, `ERR_AUTH_REQUEST` for a request of no tenant.
   */
  at(key: string, req: Request): Registration {
    this.demand(key, 'req.auth.provider()')
    const found = this.#find(key, req)
    if (found === undefined) throw unknownTenant()
    return found
  }

  /** @throws {AuthError} `ERR_AUTH_OPTIONS` for a key that is not configured. */
  demand(key: string, path: string): void {
    if (this.#configured.has(key)) return
    throw new AuthError('ERR_AUTH_OPTIONS', `${path}: there is no such provider; there are ${this.keys.join(', ')}`) // prettier-ignore
  }

  /** Of the configuration. */
  get keys(): readonly string[] {
    return [...this.#configured.keys()]
  }

  /**
   * May tokens be for this resource server?
   *
   * @param key of the provider that they come from; `undefined`: any that may sign somebody in.
   */
  mayKnow(resource: string, key: string | undefined): boolean {
    const asked = this.#settings.configured.filter((one) => (key === undefined ? one.maySignIn : one.key === key))
    // Of a tenant's it is known when somebody of that tenant comes.
    return asked.some(({ provider }) => provider instanceof TenantProvider || provider.resources.includes(resource))
  }

  /**
   * The one that a path names, by what follows the path that all have in common.
   *
   * @param req says which tenant, where the path need not.
   * @returns `undefined` for what names no provider.
   * @throws {AuthError} `ERR_AUTH_REQUEST` for what names no tenant of the provider.
   */
  inPath(rest: string, req?: Request): Registration | undefined {
    const { configured, isSingle } = this.#settings
    const [base = '', tenant, ...more] = isSingle ? [configured[0]?.key, ...rest.split('/')] : rest.split('/')
    if (more.length > 0) return undefined
    if (!this.#tenants.has(base)) return tenant === undefined ? this.#fixed.get(base) : undefined
    if (tenant === undefined) return req === undefined ? undefined : this.at(base, req)
    const found = this.#ofTenant(base, tenant)
    if (found === undefined) throw unknownTenant()
    return found
  }

  /** Those that may sign in the user of a request. */
  signingIn(req: Request): readonly Registration[] {
    const { configured } = this.#settings
    return configured.flatMap(({ key, maySignIn }) => (maySignIn ? (this.#find(key, req) ?? []) : []))
  }

  /** Whether an account at this provider counts in a request: not if it belongs to another tenant, or is not configured any more. */
  isHere(key: string, req: Request): 'here' | 'elsewhere' | 'of-no-tenant' {
    if (this.#fixed.has(key)) return 'here'
    const [base = '', tenant] = key.split(OF_TENANT)
    const provider = this.#configured.get(base)?.provider
    if (!(provider instanceof TenantProvider)) return 'elsewhere'
    const wanted = provider.tenantOf(req)
    if (wanted === undefined) return 'of-no-tenant'
    return wanted === tenant ? 'here' : 'elsewhere'
  }

  /**
   * The server that issued a grant.
   *
   * @param grantKey as it stands in the grant.
   * @throws {AuthError} `ERR_AUTH_MISCONFIGURED` if it is not configured any more.
   */
  serverOf(grantKey: string): AuthorizationServer {
    const { only } = this
    if (only !== undefined) return only.server
    const { prefix } = this.#settings
    const found = grantKey.startsWith(prefix) ? this.get(grantKey.slice(prefix.length)) : undefined
    if (found !== undefined) return found.server
    throw new AuthError('ERR_AUTH_MISCONFIGURED', 'the provider of this grant is not configured any more')
  }

  #find(key: string, req: Request): Registration | undefined {
    const provider = this.#configured.get(key)?.provider
    if (!(provider instanceof TenantProvider)) return this.#fixed.get(key)
    const tenant = provider.tenantOf(req)
    return tenant === undefined ? undefined : this.#ofTenant(key, tenant)
  }

  #ofTenant(base: string, tenant: string): Registration | undefined {
    const configured = this.#configured.get(base)
    const known = this.#tenants.get(base)
    if (known === undefined || !(configured?.provider instanceof TenantProvider)) return undefined
    const cached = known.get(tenant)
    if (cached !== undefined) return cached
    const provider = configured.provider.providerOf(tenant)
    if (provider === undefined) return undefined
    const made = this.#register(configured, provider, tenant)
    known.set(tenant, made)
    return made
  }

  #register({ key: base, maySignIn }: ConfiguredProvider, provider: Provider, tenant?: string): Registration {
    const { isSingle, prefix, paths, connect } = this.#settings
    const below = [...(isSingle ? [] : [base]), ...(tenant === undefined ? [] : [tenant])].map((part) => `/${part}`)
    const own = {
      login: paths.login + below.join(''),
      callback: paths.callback + below.join(''),
      backchannelLogout: paths.backchannelLogout + below.join(''),
    }
    const key = tenant === undefined ? base : base + OF_TENANT + tenant
    return { key, grantKey: prefix + key, server: connect(provider, own.callback), paths: own, maySignIn }
  }
}

/** Without the name: it came from the request. */
function unknownTenant(): AuthError {
  return new AuthError('ERR_AUTH_REQUEST', 'there is no such tenant, or this address belongs to none')
}
