import express from 'express'
import type { OidcOptions } from 'latchkey/providers'

/** What the environment says. Absent means: not set there, or empty. */
export interface Settings {
  /** 0: any free port. */
  readonly port: number
  /** The public origin. */
  readonly baseUrl: string | undefined
  readonly sessionSecret: string | undefined
  readonly trustProxy: number | boolean | readonly string[]
  /** Absent: the demo starts an authorization server of its own. */
  readonly provider: OidcOptions | undefined
  readonly apiUrl: string | undefined
  /** Absent: sessions and grants are in memory. Several: nodes of a Cluster. */
  readonly redisUrls: readonly string[] | undefined
  /** How long access tokens of the demo's own server live. */
  readonly demoTokenSeconds: number
}

/** The message names every variable that is wrong, one a line, and never repeats a secret. */
export class SettingsError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>
type Parse<T> = (value: string) => T

/** @throws {SettingsError} */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = []
  const isSet = (name: string): boolean => (environment[name] ?? '') !== ''
  const read = <T>(name: string, parse: Parse<T>): T | undefined => {
    const value = environment[name] ?? ''
    if (value === '') return undefined
    try {
      return parse(value)
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }

  if (isSet('PROVIDER')) problems.push('PROVIDER is not supported by this version yet; unset it')
  const settings: Settings = {
    port: read('PORT', wholeNumber(0, 65_535)) ?? 3000,
    baseUrl: read('BASE_URL', origin),
    sessionSecret: read('SESSION_SECRET', secret),
    trustProxy: read('TRUST_PROXY', proxyTrust) ?? false,
    provider: readProvider(),
    apiUrl: read('API_URL', url),
    redisUrls: read('REDIS_URL', redisUrls),
    demoTokenSeconds: read('DEMO_TOKEN_SECONDS', wholeNumber(3, 86_400)) ?? 10,
  }
  if (problems.length > 0) throw new SettingsError(problems.join('\n'))
  return settings

  function readProvider(): OidcOptions | undefined {
    const issuer = read('ISSUER_URL', url)
    const options = {
      clientId: read('CLIENT_ID', text),
      clientSecret: read('CLIENT_SECRET', text),
      clientAuthentication: read('CLIENT_AUTH_METHOD', authenticationMethod),
      // Without `offline_access` many servers issue no refresh token, and users would have to come back every few minutes.
      scope: read('SCOPE', scope) ?? 'openid profile email offline_access',
    }
    if (isSet('ISSUER_URL')) {
      if (!isSet('CLIENT_ID')) problems.push('CLIENT_ID is missing: ISSUER_URL is set, which needs one')
      const method = options.clientAuthentication
      if (method === 'none' && isSet('CLIENT_SECRET')) {
        problems.push('CLIENT_SECRET is never sent with CLIENT_AUTH_METHOD=none: unset one of them')
      }
      if (method?.startsWith('client_secret') === true && !isSet('CLIENT_SECRET')) {
        problems.push(`CLIENT_SECRET is missing: CLIENT_AUTH_METHOD=${method} needs it`)
      }
      return { ...options, issuer: issuer ?? '', clientId: options.clientId ?? '' }
    }
    for (const name of ['CLIENT_ID', 'CLIENT_SECRET', 'CLIENT_AUTH_METHOD', 'SCOPE']) {
      // Starting the demo instead of the provider that was meant would be a riddle.
      if (isSet(name)) problems.push(`${name} is set, but ISSUER_URL is not: set both, or neither for the demo`)
    }
    return undefined
  }
}

const text: Parse<string> = (value) => value

function wholeNumber(min: number, max: number): Parse<number> {
  return (value) => {
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    throw new Error(`must be a whole number from ${min} to ${max}`)
  }
}

/** Codes and tokens travel there, so it is https, or does not leave this machine. */
const url: Parse<string> = (value) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') throw new Error('must be an absolute https: URL')
  if (parsed.username !== '' || parsed.password !== '') throw new Error('must not contain credentials')
  if (parsed.search !== '' || parsed.hash !== '') throw new Error('must not have a query or fragment')
  if (parsed.protocol === 'http:' && !isLoopback(parsed)) throw new Error('must be https: (http: on this machine only)')
  return value
}

const redisUrls: Parse<readonly string[]> = (value) => {
  const urls = value.split(',').map((part) => part.trim())
  if (urls.every((part) => URL.canParse(part) && /^rediss?:$/.test(new URL(part).protocol))) return urls
  throw new Error('must be a redis: or rediss: URL, or a comma list of such for a Cluster')
}

const origin: Parse<string> = (value) => {
  const parsed = new URL(url(value))
  if (parsed.pathname !== '/') throw new Error('must be an origin without a path, such as https://app.example')
  return parsed.origin
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

const secret: Parse<string> = (value) => {
  if (Buffer.byteLength(value) >= 32) return value
  throw new Error('must be at least 32 bytes long; make one with: openssl rand -base64 32')
}

const scope: Parse<string> = (value) => {
  if (value.split(' ').includes('openid')) return value
  throw new Error('must contain openid, as in: openid profile email offline_access')
}

const authenticationMethod: Parse<NonNullable<OidcOptions['clientAuthentication']>> = (value) => {
  if (value === 'none' || value === 'client_secret_basic' || value === 'client_secret_post') return value
  throw new Error('must be client_secret_basic, client_secret_post or none')
}

/** As Express takes it: how many proxies, all of them, or which. */
const proxyTrust: Parse<Settings['trustProxy']> = (value) => {
  if (/^\d+$/.test(value)) return Number(value)
  if (value === 'true' || value === 'false') return value === 'true'
  const proxies = value.split(',').map((proxy) => proxy.trim())
  try {
    express().set('trust proxy', proxies)
  } catch {
    throw new Error('must be a number of proxies, true, or a list of addresses such as: loopback, 10.0.0.0/8')
  }
  return proxies
}
