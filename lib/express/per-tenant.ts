import type { Request } from 'express'
import { AuthError } from '../errors.ts'
import { fn, isRecord, positive, readOptions, type Same } from '../option-reader.ts'
import type { Provider } from '../providers/provider.ts'
import * as z from 'zod'

export interface PerTenantOptions {
  /**
   * The tenant that a request belongs to; `undefined`: none. Taken from the request alone, such as its path: never from the session. A name
   * is 1 to 64 letters, digits, `_`, `-`, `.` and `~`; any other answer means none. Asked several times for a request, and synchronous: no
   * promise.
   */
  tenantOf: (req: Request) => string | undefined
  /**
   * The provider of one tenant, `undefined` if there is no such tenant. Made from the name alone, so that a background refresh, or another
   * process, can make it again. Asked with whatever a request says: look the name up in a table of your tenants (`Object.hasOwn`, or a
   * `Map`), and make up no URL from it. Synchronous: no promise. What it returns is kept until another tenant needs the room; that a tenant
   * is no more, or has other settings, shows then, or in a new process.
   */
  provider: (tenant: string) => Provider | undefined
  /** So many tenants are kept ready in memory; the least recently used one goes. Default 1,000. */
  max?: number | undefined
}

const schema = z.strictObject({
  tenantOf: fn<(req: Request) => string | undefined>('(req) => name of the tenant'),
  provider: fn<(tenant: string) => Provider | undefined>('(tenant) => provider'),
  max: positive('tenants').optional(),
})

const documented: Same<z.input<typeof schema>, PerTenantOptions> = true
void documented

/** Stands in paths and keys; the two dot segments would be resolved away. */
const TENANT = /^(?!\.\.?$)[\w.~-]{1,64}$/

/** A provider for each tenant, as `provider`, or as one of `providers`. Made by {@link perTenant}. */
export class TenantProvider {
  readonly max: number
  readonly #options: PerTenantOptions

  constructor(options: PerTenantOptions) {
    this.#options = options
    this.max = options.max ?? 1_000
  }

  /** @returns what the application says, if it can be a name. */
  tenantOf(req: Request): string | undefined {
    const tenant: unknown = this.#options.tenantOf(req)
    return isTenantName(tenant) ? tenant : undefined
  }

  /** @returns `undefined` for what is no tenant. @throws {AuthError} `ERR_AUTH_OPTIONS` if the application's answer is no provider. */
  providerOf(tenant: string): Provider | undefined {
    if (!isTenantName(tenant)) return undefined
    const provider: unknown = this.#options.provider(tenant)
    if (provider === undefined || provider === null) return undefined
    if (isProvider(provider)) return provider
    throw new AuthError(
      'ERR_AUTH_OPTIONS',
      'perTenant(): "provider" must return what a factory from latchkey/providers made, such as oidc({ … })',
    )
  }
}

/**
 * Chooses the provider by the tenant that a request belongs to. Whoever signed in for one tenant is not signed in for another.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export function perTenant(options: PerTenantOptions): TenantProvider {
  return new TenantProvider(readOptions(schema, options, 'perTenant()'))
}

export function isProvider(value: unknown): value is Provider {
  return isRecord(value) && 'tokenRequest' in value && 'clientId' in value
}

function isTenantName(value: unknown): value is string {
  return typeof value === 'string' && TENANT.test(value)
}
