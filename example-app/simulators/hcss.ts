import { randomBytes } from 'node:crypto'

import { startSimulator, type Simulator } from './core/simulator.ts'
import { SigningKey } from './core/signing-key.ts'
import { SimulatorState, type SimulatorOptions } from './core/state.ts'
import { hcssHost } from './hcss/host.ts'
import { accessTokenJwt, idTokenJwt } from './hcss/jwts.ts'
import type { HcssState, HcssSwitches } from './hcss/state.ts'

export type { HcssSwitches } from './hcss/state.ts'
export type HcssOptions = SimulatorOptions<HcssSwitches>
export type HcssSimulator = Simulator<HcssSwitches>

/** Starts a simulator of HCSS: the identity server and the API are one host. */
export function startHcss(options: HcssOptions = {}): Promise<HcssSimulator> {
  const key = new SigningKey('k1')
  const state: HcssState = new SimulatorState<HcssSwitches>(
    {
      provider: 'HCSS',
      client: {
        clientId: 'hcss-client-01',
        clientSecret: 'hcss-secret-02',
        redirectUris: ['https://app.example/auth/hcss/callback'],
        name: 'The demo app',
      },
      switches: {
        consent: 'ask',
        clientType: 'public',
        pkceRequired: true,
        offlineAccess: 'when-asked',
        refreshOneTime: true,
        idToken: true,
        discovery: true,
        issuer: undefined,
        emitIss: 'off',
        wafUserAgent: undefined,
        rateLimit: undefined,
        customerMustAuthoriseAgain: false,
        connectedCompanies: ['1'],
      },
      lifetimes: { codeSeconds: 300, accessTokenSeconds: 3600, refreshTokenSeconds: 30 * 24 * 3600 },
      token: (kind, authorization, self) => {
        if (kind === 'access_token') return accessTokenJwt(self, key, authorization)
        if (kind === 'id_token') return idTokenJwt(self, key, authorization)
        return randomBytes(32).toString('hex').toUpperCase()
      },
    },
    options,
  )
  return startSimulator(
    state,
    {
      authorizationServer: hcssHost(state, key),
      endpointOf: (path) => {
        if (path.startsWith('/identity/connect/token')) return 'token'
        return path.startsWith('/heavyjob/') || path === '/identity/connect/userinfo' ? 'api' : undefined
      },
    },
    options,
  )
}
