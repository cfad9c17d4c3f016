import { startSimulator, type Simulator } from './core/simulator.ts'
import { SimulatorState, type SimulatorOptions } from './core/state.ts'
import { healthKeyApi } from './healthkey/api.ts'
import { healthKeyAuthorizationServer } from './healthkey/authorization-server.ts'
import type { HealthKeyState, HealthKeySwitches } from './healthkey/state.ts'

export type { HealthKeySwitches } from './healthkey/state.ts'
export type HealthKeyOptions = SimulatorOptions<HealthKeySwitches>
export type HealthKeySimulator = Simulator<HealthKeySwitches>

/** Starts a simulator of HealthKey: its authorization server on one port and its API on another. */
export function startHealthKey(options: HealthKeyOptions = {}): Promise<HealthKeySimulator> {
  const state: HealthKeyState = new SimulatorState<HealthKeySwitches>(
    {
      provider: 'HealthKey',
      client: {
        clientId: 'hk-client-01',
        clientSecret: 'hk-secret-01',
        redirectUris: ['https://app.example/auth/healthkey/callback'],
        name: 'The demo app',
      },
      switches: {
        consent: 'ask',
        placement: 'body',
        queryRefusal: 'json-as-html',
        responseShape: 'documented',
        refreshNeedsRedirectUri: true,
        refreshNeedsVerifier: true,
        refreshNeedsSecret: false,
        clientType: 'confidential',
        pkceRequired: true,
        acceptsTokenInQuery: true,
        expiredStyle: 401,
      },
      lifetimes: { codeSeconds: 60, accessTokenSeconds: 36_000, refreshTokenSeconds: Infinity },
    },
    options,
  )
  return startSimulator(
    state,
    {
      authorizationServer: healthKeyAuthorizationServer(state),
      api: healthKeyApi(state),
      endpointOf: (path) => (path.startsWith('/o/token') ? 'token' : undefined),
    },
    options,
  )
}
