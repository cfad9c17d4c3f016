export { latchkey, type Health, type Latchkey } from './latchkey.ts'
export type { LatchkeyOptions } from './options.ts'
export type { RefreshOptions } from './refresh-options.ts'
export { AuthError, type AuthErrorCode, type AuthErrorOptions } from './errors.ts'
export type { AuthEvent, LogoutTokenFlaw, RefreshResult } from './events.ts'
export type { ErrorPage, ErrorPageContext } from './express/error-answer.ts'
export type { EndUser, Grants, SignIn } from './express/end-user.ts'
export type { LoginParameter } from './express/parts.ts'
export { perTenant, type PerTenantOptions, type TenantProvider } from './express/per-tenant.ts'
export type {
  AccessTokenOptions,
  AccountAuth,
  GrantHealth,
  LoginOptions,
  ProviderAuth,
} from './express/provider-auth.ts'
export type { RequestAuth } from './express/request-auth.ts'
export type { Requirements } from './express/require-auth.ts'
export type { EndReason, GrantOwner, GrantSession, GrantState, GrantTokens } from './grants/grant.ts'
export type {
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
  Gone,
  GrantQuery,
  GrantRecord,
  GrantStore,
  GrantStoreContext,
  GrantStoreFactory,
  ReleaseRequest,
  SettleAnswer,
  SettleRequest,
  WhenInDoubt,
} from './grants/grant-store.ts'
export { memoryGrants, type MemoryGrantsOptions } from './grants/memory-grant-store.ts'
export type { IssuedToken, TokenSet } from './protocol/token-response.ts'
export type { TokenTarget } from './protocol/token-target.ts'
export type { AllowOptions } from './proxy/gate/gate-options.ts'
export type { AssertionOptions } from './proxy/headers/identity-options.ts'
export type { ProxyOptions } from './proxy/proxy-options.ts'
export type { AttachOptions } from './proxy/upgrade/upgrade-listener.ts'
export type { Runtime } from './runtime.ts'
export type { ServerOptions } from './server.ts'
export type { User } from './session/account.ts'
export type { SessionOptions } from './session/session-middleware.ts'
