export { defineProvider } from './define-provider.ts'
export { dottedsign } from './dottedsign.ts'
export { hcss } from './hcss.ts'
export { healthkey } from './healthkey.ts'
export { oauth2 } from './oauth2.ts'
export { oidc, type OidcOptions } from './oidc.ts'
export type { OptionsWith, Preset, ProviderFactory, RequirableOption } from './preset.ts'
export { privo } from './privo.ts'
export type { ProviderOptions } from './provider-options.ts'
export type {
  AnswerPattern,
  ClientAuthentication,
  Identify,
  IdentifiedUser,
  IdentifyContext,
  IdentityEndpoint,
  Provider,
  RefreshRequestForm,
  Rotation,
  StaticMetadata,
  TokenErrorPattern,
  TokenRequestForm,
} from './provider.ts'
export { theIdentityHub } from './the-identity-hub.ts'
