import { isRecord, type Say } from '../option-reader.ts'
import { urlComplaint } from '../url-rule.ts'
import { isUserInfo, type Description, type Unread } from './description.ts'
import { addressComplaint, hostComplaint, placeholdersOf, segmentComplaint, templateComplaint, type Place } from './place.ts' // prettier-ignore

/** What the flow itself sets; overriding one of these would switch a protection off. */
const RESERVED = [
  'client_id', 'code_challenge', 'code_challenge_method', 'max_age', 'nonce', 'redirect_uri', 'request', 'request_uri', 'response_mode',
  'response_type', 'scope', 'state',
] // prettier-ignore

/** Set for each request; another value would send credentials elsewhere, or garble what is sent. */
const RESERVED_HEADERS = ['authorization', 'connection', 'content-length', 'content-type', 'cookie', 'host', 'transfer-encoding'] // prettier-ignore

export const ENDPOINTS = ['authorizationEndpoint', 'tokenEndpoint', 'userInfoEndpoint', 'revocationEndpoint', 'endSessionEndpoint', 'jwksUri'] as const // prettier-ignore

/** Says what is wrong with options that depend on each other or on the preset. */
export function checkDescription(description: Description, say: Say): void {
  for (const name of description.missing) say(name, 'is missing')
  checkPlace(description, say)
  checkCredentials(description, say)
  checkScope(description, say)
  checkRefreshRequest(description, say)
  checkIdentity(description, say)
  checkNames(description.options, say)
}

/** What can be said of a preset alone. */
export function checkPreset(preset: Unread, say: Say): void {
  for (const [name, template] of [...Object.entries(preset), ['identity.url', identityUrlOf(preset)] as const]) {
    const complaint = typeof template === 'string' ? templateComplaint(template) : undefined
    if (complaint !== undefined) say(name, complaint)
  }
  checkNames(preset, say)
}

function checkPlace(description: Description, say: Say): void {
  const { options, discovery, required } = description
  const allowHttp = options['dangerouslyAllowHttp'] === true
  const place: Record<string, string> = {}
  for (const name of ['host', 'tenant', 'appId'] as const) {
    const value = options[name]
    if (typeof value !== 'string') continue
    const complaint = name === 'host' ? hostComplaint(value, allowHttp) : segmentComplaint(value)
    if (complaint !== undefined) say(name, complaint)
    else if (isUnused(name, description)) say(name, 'is not used by this provider')
    place[name] = complaint === undefined ? value : DUMMY[name]
  }
  const check = (name: string, template: unknown): string | undefined => {
    if (typeof template !== 'string' || template === '') return undefined
    const isToCome = placeholdersOf(template).some((needed) => required.includes(needed) && !(needed in place))
    const complaint = isToCome ? undefined : addressComplaint(template, place, allowHttp)
    if (complaint !== undefined) say(name, complaint)
    return complaint
  }
  for (const name of ENDPOINTS) check(name, options[name])
  const identityUrl = identityUrlOf(options)
  if (!isUserInfo(options['identity'])) check('identity.url', identityUrl)
  if (discovery.kind === 'nowhere' && !required.includes('issuer'))
    say('discovery', 'needs "issuer", or the URL itself')
  if (discovery.kind === 'at' && !discovery.isIssuer) check('discovery', discovery.template)
  const { issuer, redirectUri } = options
  const extras = check('issuer', issuer) === undefined && typeof issuer === 'string' && /[?#]/.test(issuer)
  if (extras) say('issuer', 'must not have a query or fragment')
  checkRedirectUri(redirectUri, allowHttp, say)
  for (const name of ['authorizationEndpoint', 'tokenEndpoint'] as const) {
    if (discovery.kind === 'off' && options[name] === undefined && !required.includes(name)) say(name, 'is missing')
  }
}

/** Good ones in the place of bad ones, which have been complained about. */
const DUMMY = { host: 'https://host.invalid', tenant: 't', appId: 'a' } as const

function isUnused(name: keyof Place, { given, documented }: Description): boolean {
  if (name === 'host') return false // paths that are given are below it
  const templates = [documented, given].flatMap((layer) => [...Object.values(layer), identityUrlOf(layer)])
  return !templates.some((template) => typeof template === 'string' && template.includes(`{${name}}`))
}

function identityUrlOf({ identity }: Unread): unknown {
  return isRecord(identity) ? identity['url'] : undefined
}

/** RFC 6749 §3.1.2: absolute, and without a fragment. */
function checkRedirectUri(redirectUri: unknown, allowHttp: boolean, say: Say): void {
  if (typeof redirectUri !== 'string') return
  const fragment = redirectUri.includes('#') ? 'must not have a fragment' : undefined
  const complaint = urlComplaint(redirectUri, allowHttp) ?? fragment
  if (complaint !== undefined) say('redirectUri', complaint)
}

/** RFC 6749 appendix A: what is typed in by hand; a line break at the end comes with a file. */
// oxlint-disable-next-line eslint/no-control-regex -- it is what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

function checkCredentials({ options }: Description, say: Say): void {
  const { clientId, clientSecret, clientAuthentication: method, pkce } = options
  for (const [name, value] of Object.entries({ clientId, clientSecret })) {
    if (typeof value === 'string' && CONTROL.test(value)) say(name, 'must not contain line breaks or other control characters') // prettier-ignore
  }
  if (method === 'none' && clientSecret !== undefined) {
    say('clientSecret', `is never sent with clientAuthentication 'none'; leave one of them out`)
  }
  if (pkce === 'off' && (clientSecret === undefined || method === 'none')) {
    say('pkce', `must not be 'off' without a secret: whoever gets at a code could redeem it (RFC 9700 §2.1.1)`)
  }
  if (typeof method === 'string' && method.startsWith('client_secret') && clientSecret === undefined) {
    say('clientSecret', 'is missing, this "clientAuthentication" needs it')
  }
  if (method === 'client_secret_basic_raw' && typeof clientId === 'string' && clientId.includes(':')) {
    say('clientId', `must not contain ":" with clientAuthentication 'client_secret_basic_raw' (RFC 7617 §2)`)
  }
}

/** RFC 6749 §3.3, with more than one blank between two of them. */
const SCOPE = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/

function checkScope({ options, scopeRule, required }: Description, say: Say): void {
  const { scope } = options
  if (typeof scope === 'string' && !SCOPE.test(scope)) {
    say('scope', 'must be words of printable ASCII, without quotes and backslashes, and blanks between them (RFC 6749 §3.3)') // prettier-ignore
  } else if (scopeRule === 'openid' && typeof scope === 'string' && !hasOpenid(scope)) {
    say('scope', 'must contain openid (OIDC Core §3.1.2.1)')
  } else if (scopeRule === 'demanded' && typeof scope === 'string' && scope.trim() === '') {
    say('scope', 'must not be empty')
  } else if (scopeRule === 'demanded' && scope === undefined && !required.includes('scope')) {
    say('scope', 'is missing')
  }
}

function hasOpenid(scope: unknown): boolean {
  return typeof scope === 'string' && scope.split(' ').includes('openid')
}

function checkRefreshRequest({ options }: Description, say: Say): void {
  const { refreshRequest, scope = '', pkce } = options
  if (!isRecord(refreshRequest)) return
  if (refreshRequest['scope'] === true && typeof scope === 'string' && scope.trim() === '') {
    say('refreshRequest.scope', 'has nothing to send: there is no scope')
  }
  if (refreshRequest['codeVerifier'] === true && pkce === 'off') {
    say('pkce', `must not be 'off': a refresh repeats the verifier; unless refreshRequest: { codeVerifier: false }`)
  }
}

function checkIdentity({ options, discovery, knowsKeys, idToken }: Description, say: Say): void {
  const isDiscovered = discovery.kind !== 'off'
  if (options['idToken'] === 'validate' && !knowsKeys) {
    say('idToken', 'cannot be validated: it needs "issuer" and "jwksUri", or "discovery"')
  }
  if (
    options['issuer'] !== undefined &&
    options['idToken'] === undefined &&
    !knowsKeys &&
    hasOpenid(options['scope'])
  ) {
    say('issuer', `is not enough to validate ID Tokens: it needs "jwksUri", or "discovery"; or say idToken: 'ignore'`)
  }
  if (options['sendIdTokenHint'] === true && idToken === 'ignore') {
    say('sendIdTokenHint', `has nothing to send: with idToken 'ignore' no ID Token is kept`)
  }
  if (isUserInfo(options['identity']) && !isDiscovered && options['userInfoEndpoint'] === undefined) {
    say('identity', 'needs "userInfoEndpoint", which is missing')
  }
  const isRevoking = options['revocation'] === 'refresh_token' || options['revocation'] === 'access_token'
  if (isRevoking && !isDiscovered && options['revocationEndpoint'] === undefined) {
    say('revocation', 'needs "revocationEndpoint", which is missing')
  }
}

/** Names of parameters and headers. */
function checkNames({ authorizationParameters, userInfoParameters, requestHeaders }: Unread, say: Say): void {
  for (const [name] of entriesOf(authorizationParameters)) {
    if (RESERVED.includes(name)) say(`authorizationParameters.${name}`, 'is set by the flow itself')
  }
  for (const [name] of entriesOf(userInfoParameters)) {
    if (name === 'access_token') say(`userInfoParameters.${name}`, 'belongs into the header (RFC 9700 §4.3.2)')
  }
  for (const [name, value] of entriesOf(requestHeaders)) {
    const at = `requestHeaders.${name}`
    if (RESERVED_HEADERS.includes(name.toLowerCase())) say(at, 'is set for each request')
    else if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) say(at, 'is no name of a header')
    if (typeof value === 'string' && !/^[\t\u0020-\u007e]*$/.test(value)) say(at, 'must be printable ASCII')
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : []
}
