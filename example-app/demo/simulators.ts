import { randomBytes } from 'node:crypto'
import { dottedsign, hcss, healthkey, privo, theIdentityHub, type Provider } from 'latchkey/providers'

import type { ApiCall, OfferedProvider } from '../providers.ts'
import { startDottedSign } from '../simulators/dottedsign.ts'
import { startHcss } from '../simulators/hcss.ts'
import { startHealthKey } from '../simulators/healthkey.ts'
import { startPrivo } from '../simulators/privo.ts'
import { startTheIdentityHub } from '../simulators/the-identity-hub.ts'
import type { RawExchange } from '../wire/exchange.ts'
import type { StartedProvider } from './own-server.ts'
import { onPort } from './ports.ts'
import type { DemoOptions } from './start.ts'

/** What all simulators have in common. */
interface Simulator {
  readonly url: string
  readonly apiUrl: string
  readonly log: readonly RawExchange[]
  readonly counters: { readonly refreshRequests: number }
  expireAccessTokens(): void
  close(): Promise<void>
}

interface StartOptions {
  readonly port: number
  readonly apiPort: number
  readonly client: {
    readonly clientId: string
    readonly clientSecret: string
    readonly redirectUris: readonly string[]
    readonly postLogoutRedirectUris: readonly string[]
    readonly name: string
  }
}

interface Client {
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: string
}

interface Simulated {
  readonly key: string
  readonly about: string
  readonly call: ApiCall
  readonly start: (options: StartOptions) => Promise<Simulator>
  /** As it is registered. Default: the callback as it is. */
  readonly redirectUri?: (callback: string) => string
  readonly provider: (simulator: Simulator, client: Client) => Provider
}

const TENANT = 'contoso'

const SIMULATED: readonly Simulated[] = [
  {
    key: 'healthkey',
    about: 'A refresh ends both old tokens at once, and wants redirect URI and PKCE verifier of the sign-in again.',
    call: { method: 'POST', path: '/api/v1/transactions', body: '{"products":[]}' },
    start: startHealthKey,
    provider: ({ url, apiUrl }, client) =>
      healthkey({
        host: url,
        ...client,
        scope: 'profile payment',
        // Its pages document no such API; the simulator made this one up.
        identity: { url: `${apiUrl}/api/v1/profile`, subject: 'id' },
      }),
  },
  {
    key: 'hcss',
    about: 'A public client: PKCE instead of a secret. Access tokens are signed and live on after a refresh.',
    call: { method: 'GET', path: '/heavyjob/api/v1/businessUnits' },
    start: startHcss,
    provider: ({ url }, { clientId }) =>
      hcss({
        host: url,
        clientId,
        scope: 'heavyjob:read offline_access',
        // Made up by the simulator as well.
        identity: { url: '/heavyjob/api/v1/me', subject: 'id' },
      }),
  },
  {
    key: 'the-identity-hub',
    about: 'Many tenants on one host, each an issuer of its own. Only access tokens can be revoked.',
    call: { method: 'GET', path: `/${TENANT}/api/identity/v1` },
    start: startTheIdentityHub,
    provider: ({ url }, client) =>
      theIdentityHub({ host: url, tenant: TENANT, ...client, scope: 'openid profile.read' }),
  },
  {
    key: 'privo',
    about: 'Tokens for ten minutes, a refresh token that stays the same, and errors that repeat the refused token.',
    call: { method: 'GET', path: '/userinfo' },
    redirectUri: (callback) => `${callback}?`, // as its pages have it
    start: startPrivo,
    provider: ({ url }, { redirectUri, ...client }) => privo({ host: url, ...client, redirectUri }),
  },
  {
    key: 'dottedsign',
    about:
      'Speaks JSON where others use forms, and calls an expired token a bad request: 400 with a number of its own.',
    call: { method: 'GET', path: '/v1/sign_tasks/list?page=1&per_page=10' },
    start: (options) => startDottedSign({ ...options, switches: { expiredStyle: 400003 } }),
    provider: ({ url }, client) =>
      dottedsign({
        host: url,
        ...client,
        scope: 'sign_tasks.general.read sign_tasks.general.write',
        identity: { url: '/v1/members/me', subject: 'id', within: 'data' },
      }),
  },
]

/** Starts simulators of the five providers, each on a port of its own. */
export async function startSimulators(options: DemoOptions): Promise<readonly StartedProvider[]> {
  return Promise.all(SIMULATED.map((simulated, index) => startOne(simulated, options, options.port + 3 + 2 * index)))
}

async function startOne(
  { key, about, call, start, redirectUri = (callback) => callback, provider }: Simulated,
  { baseUrl }: DemoOptions,
  port: number,
): Promise<StartedProvider> {
  const client: Client = {
    clientId: 'example-app',
    clientSecret: randomBytes(24).toString('base64url'),
    redirectUri: redirectUri(`${baseUrl}/callback/${key}`),
  }
  const registration = {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    redirectUris: [client.redirectUri],
    postLogoutRedirectUris: [`${baseUrl}/`],
    name: 'latchkey demo',
  }
  const simulator = await onPort(port, (free) =>
    start({ port: free, apiPort: free === 0 || free > 65_534 ? 0 : free + 1, client: registration }),
  )
  const offered: OfferedProvider = {
    key,
    provider: provider(simulator, client),
    about,
    apiUrl: simulator.apiUrl,
    call,
    server: {
      url: simulator.url,
      log: simulator.log,
      refreshes: () => simulator.counters.refreshRequests,
      expireAccessTokens: () => simulator.expireAccessTokens(),
    },
  }
  return { offered, close: () => simulator.close() }
}
