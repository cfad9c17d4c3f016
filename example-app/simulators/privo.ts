import { randomBytes } from 'node:crypto'

import { SigningKey } from './core/signing-key.ts'
import { startSimulator, type Simulator } from './core/simulator.ts'
import { SimulatorState } from './core/state.ts'
import { accessTokenJwt, idTokenJwt } from './privo/jwts.ts'
import { privoServer } from './privo/server.ts'
import type { Privo, PrivoOptions, PrivoSwitches } from './privo/state.ts'

export type { PrivoOptions, PrivoSwitches }
export type PrivoSimulator = Simulator<PrivoSwitches>

/** Starts a simulator of PRIVO, with MITREid Connect's answers. */
export function startPrivo(options: PrivoOptions = {}): Promise<PrivoSimulator> {
  const state = new SimulatorState<PrivoSwitches>(
    {
      provider: 'PRIVO',
      client: {
        clientId: 'partner01',
        clientSecret: 'secret01',
        redirectUris: ['https://app.example/auth/privo/callback?'],
        postLogoutRedirectUris: ['https://app.example/bye'],
        name: 'The demo app',
      },
      switches: {
        consent: 'ask',
        tokenPaths: ['/auth/token', '/oauth/token', '/token'],
        authorizeMethods: ['get', 'post-query', 'post-form'],
        jsonLabel: 'unread',
        clientAuth: ['basic-raw', 'basic-encoded', 'parameters'],
        redirectTrailingQuestionMark: true,
        offlineAccessNeeded: true,
        reuseRefreshToken: true,
        clearAccessTokensOnRefresh: true,
        issuerSlash: true,
        scopeInResponse: 'refresh',
        idTokenOnRefresh: false,
        serviceIdRequired: false,
        discovery: true,
      },
      lifetimes: { codeSeconds: 300, accessTokenSeconds: 599, refreshTokenSeconds: Infinity },
      token: (kind, authorization) => {
        if (kind === 'access_token') return accessTokenJwt(privo, authorization)
        if (kind === 'id_token') return idTokenJwt(privo, authorization)
        return randomBytes(16).toString('base64url')
      },
    },
    options,
  )
  const privo: Privo = { state, key: new SigningKey('rsa1'), claims: options.claims ?? {} }
  return startSimulator(
    state,
    {
      authorizationServer: privoServer(privo),
      endpointOf: (path) => {
        if (path.endsWith('/token')) return 'token'
        return path === '/userinfo' ? 'api' : undefined
      },
    },
    options,
  )
}
