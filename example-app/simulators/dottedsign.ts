import { startSimulator, type Simulator } from './core/simulator.ts'
import { SimulatorState } from './core/state.ts'
import { dottedSignServer, withoutSlash } from './dottedsign/server.ts'
import type { DottedSignOptions, DottedSignState, DottedSignSwitches } from './dottedsign/state.ts'

export type { DottedSignOptions, DottedSignSwitches }
export type DottedSignSimulator = Simulator<DottedSignSwitches>

/** Starts a simulator of DottedSign: Doorkeeper with the vendor's error numbers, and the API on the same host. */
export function startDottedSign(options: DottedSignOptions = {}): Promise<DottedSignSimulator> {
  const state: DottedSignState = new SimulatorState<DottedSignSwitches>(
    {
      provider: 'DottedSign',
      client: {
        clientId: 'ds-client-01',
        clientSecret: 'ds-secret-01',
        redirectUris: ['https://app.example/auth/dottedsign/callback'],
        name: 'The demo app',
      },
      switches: {
        consent: 'ask',
        bodyEncoding: 'either',
        echoState: true,
        pkce: 'ignore',
        authorizationErrors: 'page',
        expiredStyle: 401,
        challengeHeader: true,
        lazyRotation: true,
        revokesExpired: false,
        acceptsTokenInQuery: true,
        scopeInResponse: true,
        apiError: undefined,
      },
      lifetimes: { codeSeconds: 600, accessTokenSeconds: 172_800, refreshTokenSeconds: Infinity },
    },
    options,
  )
  return startSimulator(
    state,
    {
      authorizationServer: dottedSignServer(state),
      endpointOf: (path) => {
        if (withoutSlash(path) === '/v1/oauth/token') return 'token'
        return path.startsWith('/v1/') && !path.startsWith('/v1/oauth/') ? 'api' : undefined
      },
    },
    options,
  )
}
