import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/**
 * The Identity Hub: `tenant` is its URL segment. With `openid` in the scope the ID Token says who has signed in, else the identity API does.
 * An application with a signing certificate of its own gives its `appId`.
 */
export const theIdentityHub: ProviderFactory<'tenant'> = defineProvider({
  name: 'The Identity Hub',
  factory: 'theIdentityHub',
  requires: ['tenant'],
  host: 'https://www.theidentityhub.com',
  issuer: '{host}/{tenant}',
  authorizationEndpoint: '{host}/{tenant}/oauth2/v1/auth',
  tokenEndpoint: '{host}/{tenant}/oauth2/v1/token',
  userInfoEndpoint: '{host}/{tenant}/oauth2/v1/userinfo',
  revocationEndpoint: '{host}/{tenant}/oauth2/v1/revoke',
  jwksUri: '{host}/{tenant}/oauth2/v1/certs',
  discoveryUrl: '{host}/{tenant}',
  // In full: the issuer in it may be the tenant's.
  appDiscoveryUrl: '{host}/{tenant}/App/{appId}/.well-known/openid-configuration',
  optionalScope: true,
  clientAuthentication: 'client_secret_post',
  rotation: 'rotating',
  defaultExpiresIn: 3_600,
  identity: { url: '{host}/{tenant}/api/identity/v1', subject: 'identityId' },
  revocation: 'access_token',
})
