import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'

/**
 * HealthKey, at the `host` that it assigns to each partner. Its page writes the parameters of token requests into the URL: that is
 * `tokenRequest: 'query'`. Its refresh is documented without the secret: `refreshRequest: { clientAuthentication: false }`.
 * An API of its family that answers 403 without a challenge wants `expiredTokenAnswers: [{ status: 401 }, { status: 403 }]`.
 */
export const healthkey: ProviderFactory<'host'> = defineProvider({
  name: 'HealthKey',
  factory: 'healthkey',
  requires: ['host'],
  authorizationEndpoint: '{host}/o/authorize/',
  tokenEndpoint: '{host}/o/token/',
  scope: 'profile',
  clientAuthentication: 'client_secret_post',
  refreshRequest: { redirectUri: true, codeVerifier: true },
  rotation: 'rotating',
  refreshEndsAccessToken: true,
  defaultExpiresIn: 36_000,
  idToken: 'ignore',
})
