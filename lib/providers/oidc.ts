import { defineProvider } from './define-provider.ts'
import type { ProviderFactory } from './preset.ts'
import type { ProviderOptions } from './provider-options.ts'

export interface OidcOptions extends ProviderOptions {
  /** The issuer, exactly as the server writes it, or the full URL of its metadata document. */
  issuer: string
}

/**
 * Any OpenID Connect server that publishes its metadata (OpenID Connect Discovery 1.0). `openid` must be in the scope, and is the default.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong.
 */
export const oidc: ProviderFactory<'issuer'> = defineProvider({
  factory: 'oidc',
  requires: ['issuer'],
  discovery: true,
  scope: 'openid',
  demandsOpenid: true,
  offlineAccessPrompt: true,
})
