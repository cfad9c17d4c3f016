import type { ProviderOptions } from './provider-options.ts'
import type { Provider } from './provider.ts'

/** What a preset can demand of everybody who uses it. */
export type RequirableOption =
  | 'host' | 'tenant' | 'appId' | 'clientSecret' | 'scope' | 'issuer' | 'authorizationEndpoint' | 'tokenEndpoint' | 'identity' // prettier-ignore

/**
 * What is known of a provider before anybody uses it: data. Every option of `ProviderOptions` can be given a default, and each default be
 * overridden. URLs are templates with `{host}`, `{tenant}` and `{appId}`, or paths below the host, with or without a slash at the end.
 *
 * @typeParam Required options that each use must give.
 */
export interface Preset<Required extends RequirableOption = never> extends Omit<
  ProviderOptions,
  'clientId' | 'clientSecret' | 'tenant' | 'appId' | 'redirectUri' | 'dangerouslyAllowHttp'
> {
  /** What the function that it is made into is called, for messages. Default: `name`. */
  readonly factory?: string | undefined
  readonly requires?: readonly Required[] | undefined
  /** Is discovery on by itself? Default `false`. */
  readonly discovery?: boolean | undefined
  /** Where `discovery: true` looks: the issuer, or the full URL of its metadata document. */
  readonly discoveryUrl?: string | undefined
  /** The same for an application with metadata of its own; `appId` turns it on. */
  readonly appDiscoveryUrl?: string | undefined
  /** May the scope be empty? Then none is sent (RFC 6749 §3.3). Default `false`. */
  readonly optionalScope?: boolean | undefined
  /** Must `openid` be in the scope (OIDC Core §3.1.2.1)? Default `false`. */
  readonly demandsOpenid?: boolean | undefined
  /** Sends `prompt=consent` where the scope has `offline_access` (OIDC Core §11). Default `false`. */
  readonly offlineAccessPrompt?: boolean | undefined
}

/** Options of a provider whose preset demands some of them. */
export type OptionsWith<Required extends RequirableOption> = ProviderOptions & {
  [Name in Required]-?: Exclude<ProviderOptions[Name], undefined>
}

/** @throws {AuthError} `ERR_AUTH_OPTIONS`, naming every option that is wrong. Never quotes a value. */
export type ProviderFactory<Required extends RequirableOption = never> = (options: OptionsWith<Required>) => Provider
