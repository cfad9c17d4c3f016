import type { ProviderOptions } from '../lib/providers/provider-options.ts'
import type { Provider } from '../lib/providers/provider.ts'
import type { Consent } from './person.ts'

/** Options that a check sets, or takes away. */
export type Changes = Partial<Omit<ProviderOptions, 'host'>>

/** What a preset is verified against: a server of the family that its provider evidently belongs to. */
export interface Family {
  /** The preset's name. */
  readonly preset: string
  readonly packages: readonly string[]
  /** Prints the versions of what is installed; fails where something is missing. */
  readonly versions: readonly [string, ...string[]]
  readonly command: readonly [string, ...string[]]
  /** Where its pages are, below the server's address. */
  readonly tokenPath: string
  readonly revocationPath: string
  readonly apiPath: string
  /** A page behind the framework's plainest guard. */
  readonly plainPath: string
  readonly consent: Consent
  readonly scope: string
  provider(host: string, changes?: Changes): Provider
  /** What its rotation means for a refresh whose answer was lost. */
  readonly afterLostAnswer: string
  /** What its server does with the refresh token at sign-out once the access token has expired. */
  readonly afterLateRevocation: string
}

export const CLIENT_ID = 'latchkey'
/** With characters that HTTP Basic, forms and URLs each write in their own way. */
export const CLIENT_SECRET = 's3cret: &+%/=~é'
export const PUBLIC_CLIENT_ID = 'latchkey-public'
