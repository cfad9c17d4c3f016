import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/** RFC 6749 §5.2 */
const WORDS = ['invalid_client', 'unauthorized_client', 'invalid_request', 'invalid_scope'] as const

/**
 * HCSS. It assigns the scope; a refresh token needs `offline_access` in it, where HCSS has enabled that. Not documented, but usual for its
 * family of servers: `discovery: true`, `userInfoEndpoint: '/identity/connect/userinfo'`, `revocationEndpoint:
 * '/identity/connect/revocation'`, `endSessionEndpoint: '/identity/connect/endsession'`. The last sends nobody back without
 * `sendIdTokenHint: true`, which needs an ID Token: `discovery: true`, and `openid` in the scope.
 */
export const hcss: ProviderFactory<'scope'> = defineProvider({
  name: 'HCSS',
  factory: 'hcss',
  requires: ['scope'],
  host: 'https://api.hcssapps.com',
  authorizationEndpoint: '{host}/identity/connect/authorize',
  tokenEndpoint: '{host}/identity/connect/token',
  // The document itself: behind a gateway it may name an issuer with another address.
  discoveryUrl: '{host}/identity/.well-known/openid-configuration',
  clientAuthentication: 'client_secret_post',
  tokenErrors: [
    // In its own words it is about the client.
    ...WORDS.map((word) => ({ status: 401, member: 'error', values: [word], means: word })),
    // Else the customer must authorise the application again.
    { status: 401, means: 'invalid_grant' },
  ],
  rotation: 'rotating',
  defaultExpiresIn: 3_600,
})
