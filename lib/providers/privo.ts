import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/**
 * PRIVO, at the `host` that it assigns to each partner and environment. Its pages disagree; what they say elsewhere is an option:
 * `tokenEndpoint: '/token'` or `'/oauth/token'`, `tokenRequest: 'query'` with `clientAuthentication: 'client_secret_post'`,
 * `tokenRequestContentType: 'application/json'`, `authorizationRequest: 'post-query'`. Its ID Token is dropped unread as long as nobody says
 * where the keys are: with `discovery: true`, or `issuer` and `jwksUri`; until then its UserInfo endpoint says who has signed in, and
 * little else: `identity: 'userinfo'` keeps all that it says. A redirect
 * URI that is registered with a `?` at its end is written so in `redirectUri`.
 */
export const privo: ProviderFactory<'host' | 'clientSecret'> = defineProvider({
  name: 'PRIVO',
  factory: 'privo',
  requires: ['host', 'clientSecret'],
  authorizationEndpoint: '{host}/oauth/authorize',
  tokenEndpoint: '{host}/auth/token',
  userInfoEndpoint: '{host}/userinfo',
  endSessionEndpoint: '{host}/logout',
  discoveryUrl: '{host}/.well-known/openid-configuration',
  scope: 'openid profile user_profile additional_info offline_access',
  optionalScope: true,
  clientAuthentication: 'client_secret_basic_raw',
  rotation: 'reusable',
  refreshEndsAccessToken: true,
  defaultExpiresIn: 599,
  idTokenSigningAlg: 'RS256',
  // Much of the rest is about children, and has no business in a session.
  identity: { url: 'userinfo', subject: 'sub', claims: ['given_name', 'preferred_username', 'role_identifier'] },
})
