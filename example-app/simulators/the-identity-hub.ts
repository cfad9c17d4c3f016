import { randomBytes } from 'node:crypto'

import type { FaultyEndpoint } from './core/faults.ts'
import { SigningKey } from './core/signing-key.ts'
import { startSimulator, type Simulator } from './core/simulator.ts'
import { SimulatorState, type SimulatorOptions } from './core/state.ts'
import type { Hub, TheIdentityHubSwitches } from './the-identity-hub/hub.ts'
import { idTokenJwt } from './the-identity-hub/jwts.ts'
import { theIdentityHubServer } from './the-identity-hub/server.ts'

export type { TheIdentityHubSwitches }
export type TheIdentityHubOptions = SimulatorOptions<TheIdentityHubSwitches>
export type TheIdentityHubSimulator = Simulator<TheIdentityHubSwitches>

/** Starts a simulator of The Identity Hub: OAuth 2.0 and OpenID Connect, with the tenant in the path. */
export function startTheIdentityHub(options: TheIdentityHubOptions = {}): Promise<TheIdentityHubSimulator> {
  const state = new SimulatorState<TheIdentityHubSwitches>(
    {
      provider: 'The Identity Hub',
      client: {
        clientId: 'tih-client-01',
        clientSecret: 'tih-secret-01',
        redirectUris: ['https://app.example/auth/tih/callback'],
        name: 'The demo app',
      },
      switches: {
        consent: 'ask',
        tenants: ['contoso'],
        slash: 'both',
        clientType: 'confidential',
        openid: true,
        reduceScope: [],
        omitScope: false,
        expiresInAsString: false,
        blockUser: false,
        rotateOld: 'dies',
        appLevelDiscovery: false,
        appLevelIssuer: 'tenant',
        invalidClientStatus: 400,
        revocationHintRequired: true,
      },
      lifetimes: { codeSeconds: 60, accessTokenSeconds: 3600, refreshTokenSeconds: Infinity },
      token: (kind, authorization) =>
        kind === 'id_token' ? idTokenJwt(hub, authorization) : randomBytes(32).toString('hex'),
    },
    options,
  )
  const hub: Hub = {
    state,
    tenantKey: new SigningKey('t1'),
    appKey: new SigningKey('a1'),
    tenantOf: new WeakMap(),
  }
  return startSimulator(state, { authorizationServer: theIdentityHubServer(hub), endpointOf: faultyEndpoint }, options)
}

function faultyEndpoint(path: string): FaultyEndpoint | undefined {
  if (/^\/[^/]*\/oauth2\/v1\/(?:token|revoke)\/?$/.test(path)) return 'token'
  return /^\/[^/]*\/(?:api\/|oauth2\/v1\/(?:userinfo|verify)\/?$)/.test(path) ? 'api' : undefined
}
