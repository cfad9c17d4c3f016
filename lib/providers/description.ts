import { isRecord } from '../option-reader.ts'
import type { Preset, RequirableOption } from './preset.ts'

/** Options that may be of any type still. */
export type Unread = Readonly<Record<string, unknown>>

/** Where the server's metadata document is looked for. */
export type Discovery =
  | { readonly kind: 'off' }
  /** It is asked for, and nobody says where. */
  | { readonly kind: 'nowhere' }
  /** `isIssuer`: found by the issuer that is written in the configuration. */
  | { readonly kind: 'at'; readonly template: string; readonly isIssuer: boolean }

/** A provider as its preset and the one who uses it describe it together: everything that is checked, and then made into a `Provider`. */
export interface Description {
  /** What holds: each option as it is given, or else as it is preset. Those that are merged name by name are. */
  readonly options: Unread
  /** Where there are two layers, endpoints that are given, and those that are preset. */
  readonly given: Unread
  readonly documented: Unread
  /** What is demanded of everybody and not given. */
  readonly missing: readonly string[]
  readonly required: readonly string[]
  readonly discovery: Discovery
  /** Can an ID Token be validated? */
  readonly knowsKeys: boolean
  readonly idToken: unknown
  /** Whoever reads the scope of this provider knows that it may be empty, or must have `openid`. */
  readonly scopeRule: 'optional' | 'demanded' | 'openid'
  readonly offlineAccessPrompt: boolean
}

/** Given by name, and so merged by name. */
const MERGED = ['authorizationParameters', 'requestHeaders', 'userInfoParameters', 'refreshRequest'] as const

export function describe(preset: Preset<RequirableOption>, raw: Unread): Description {
  const documented: Unread = withoutUndefined({ ...preset })
  const given = withoutUndefined(raw)
  const options: Record<string, unknown> = { ...documented, ...given }
  for (const name of MERGED) {
    const layers = [documented[name], given[name]].filter((layer) => isRecord(layer))
    // What is no record is complained about elsewhere.
    if (layers.length === 2) options[name] = Object.assign({}, ...layers.map(withoutUndefined))
  }
  // A preset's own way holds where there is a secret; whoever has none is a public client.
  if (given['clientAuthentication'] === undefined && documented['clientAuthentication'] !== undefined) {
    options['clientAuthentication'] = given['clientSecret'] === undefined ? 'none' : documented['clientAuthentication']
  }
  const required: readonly string[] = preset.requires ?? []
  const discovery = discoveryOf(preset, options)
  const knowsKeys = discovery.kind !== 'off' || (options['issuer'] !== undefined && options['jwksUri'] !== undefined)
  return {
    options,
    given,
    documented,
    missing: required.filter((name) => given[name] === undefined),
    required,
    discovery,
    knowsKeys,
    idToken: options['idToken'] ?? (knowsKeys ? 'validate' : 'ignore'),
    scopeRule: preset.demandsOpenid === true ? 'openid' : preset.optionalScope === true ? 'optional' : 'demanded',
    offlineAccessPrompt: preset.offlineAccessPrompt === true,
  }
}

/** Asks the UserInfo endpoint who has signed in? */
export function isUserInfo(identity: unknown): boolean {
  return identity === 'userinfo' || (isRecord(identity) && identity['url'] === 'userinfo')
}

function discoveryOf({ appDiscoveryUrl, discoveryUrl }: Preset<RequirableOption>, options: Unread): Discovery {
  const { appId, issuer } = options
  const ofApp = appId === undefined ? undefined : appDiscoveryUrl
  const { discovery = ofApp !== undefined } = options
  if (typeof discovery === 'string') return { kind: 'at', template: discovery, isIssuer: discovery === issuer }
  if (discovery !== true) return { kind: 'off' }
  const known = ofApp ?? discoveryUrl
  if (known !== undefined) return { kind: 'at', template: known, isIssuer: false }
  return typeof issuer === 'string' ? { kind: 'at', template: issuer, isIssuer: true } : { kind: 'nowhere' }
}

function withoutUndefined(object: Unread): Unread {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
