import express from 'express'
import type { Provider } from 'latchkey/providers'

import { Environment, origin, url, wholeNumber, type Parse } from './environment.ts'
import { readProvider } from './provider-settings.ts'

/** What the environment says. Absent means: not set there, or empty. */
export interface Settings {
  /** 0: any free port. */
  readonly port: number
  /** The public origin. */
  readonly baseUrl: string | undefined
  readonly sessionSecret: string | undefined
  readonly trustProxy: number | boolean | readonly string[]
  /** Absent: the demo starts providers of its own. */
  readonly provider: Provider | undefined
  readonly apiUrl: string | undefined
  /** Absent: sessions and grants are in memory. Several: nodes of a Cluster. */
  readonly redisUrls: readonly string[] | undefined
  /** How long access tokens of the demo's own server live. */
  readonly demoTokenSeconds: number
}

/** The message names every variable that is wrong, one a line, and never repeats a secret. */
export class SettingsError extends Error {}

/** @throws {SettingsError} */
export function readSettings(variables: Readonly<Record<string, string | undefined>>): Settings {
  const environment = new Environment(variables)
  const settings: Settings = {
    port: environment.read('PORT', wholeNumber(0, 65_535)) ?? 3000,
    baseUrl: environment.read('BASE_URL', origin),
    sessionSecret: environment.read('SESSION_SECRET', secret),
    trustProxy: environment.read('TRUST_PROXY', proxyTrust) ?? false,
    provider: readProvider(environment),
    apiUrl: environment.read('API_URL', url),
    redisUrls: environment.read('REDIS_URL', redisUrls),
    demoTokenSeconds: environment.read('DEMO_TOKEN_SECONDS', wholeNumber(3, 86_400)) ?? 10,
  }
  if (environment.problems.length > 0) throw new SettingsError(environment.problems.join('\n'))
  return settings
}

const redisUrls: Parse<readonly string[]> = (value) => {
  const urls = value.split(',').map((part) => part.trim())
  if (urls.every((part) => URL.canParse(part) && /^rediss?:$/.test(new URL(part).protocol))) return urls
  throw new Error('must be a redis: or rediss: URL, or a comma list of such for a Cluster')
}

const secret: Parse<string> = (value) => {
  if (Buffer.byteLength(value) >= 32) return value
  throw new Error('must be at least 32 bytes long; make one with: openssl rand -base64 32')
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
