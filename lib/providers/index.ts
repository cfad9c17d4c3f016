export { oidc, type OidcOptions } from './oidc.ts'
export type { ClientAuthentication, Provider, Rotation } from './provider.ts'
