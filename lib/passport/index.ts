export type { CreateStrategy, StrategyOptions } from './create-strategy.ts'
export type { PassportStrategy, StrategyActions } from './strategy.ts'
export type { ProviderSignIn, Verified, Verify, VerifyDone, VerifyWithRequest } from './verify.ts'
