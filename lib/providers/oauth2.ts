import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/**
 * Any OAuth 2.0 server (RFC 6749): its endpoints are written here, and it issues no ID Token. Say with `identity` how to find out who has
 * signed in.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export const oauth2: ProviderFactory<'authorizationEndpoint' | 'tokenEndpoint'> = defineProvider({
  factory: 'oauth2',
  requires: ['authorizationEndpoint', 'tokenEndpoint'],
  optionalScope: true,
  idToken: 'ignore',
})
