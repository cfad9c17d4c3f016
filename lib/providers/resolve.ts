import { ENDPOINTS } from './option-rules.ts'
import { isUserInfo, type Description } from './description.ts'
import { addressAt, type Place } from './place.ts'
import type { ProviderOptions } from './provider-options.ts'
import type { AnswerPattern, IdentityEndpoint, Provider, StaticMetadata } from './provider.ts'

/** @param description which has been checked. */
export function resolve(description: Description): Provider {
  const { discovery, idToken, offlineAccessPrompt } = description
  const options = description.options as unknown as ProviderOptions
  const { host, tenant, appId, scope = '', rotation = 'rotating' } = options
  const place: Place = { host, tenant, appId }

  const discoveryUrl = discovery.kind === 'at' ? addressAt(discovery.template, place) : undefined
  const isDiscovered = discoveryUrl !== undefined
  const given = metadataOf(description.given, place, discovery)
  const documented = metadataOf(description.documented, place, discovery)
  const metadata = isDiscovered ? given : { ...documented, ...given }
  const provider: Omit<Provider, 'clientSecret'> = {
    name: options.name ?? new URL(discoveryUrl ?? metadata.issuer ?? metadata.authorizationEndpoint ?? '').host,
    clientId: options.clientId,
    metadata: Object.freeze(metadata),
    fallbackMetadata: Object.freeze(isDiscovered ? documented : {}),
    discoveryUrl,
    allowHttp: options.dangerouslyAllowHttp === true,
    requestHeaders: Object.freeze({ ...options.requestHeaders }),
    redirectUri: options.redirectUri,

    authorizationRequest: options.authorizationRequest ?? 'get',
    scope: scope.trim(),
    authorizationParameters: Object.freeze({
      // OIDC Core §11: or the server may leave the refresh token out.
      ...(offlineAccessPrompt && scope.split(' ').includes('offline_access') && { prompt: 'consent' }),
      ...options.authorizationParameters,
    }),
    resources: Object.freeze([...(options.resources ?? [])]),
    responseMode: options.responseMode ?? 'query',
    pkce: options.pkce ?? 'S256',

    clientAuthentication: options.clientAuthentication,
    tokenRequest: Object.freeze({
      parameters: options.tokenRequest ?? 'form',
      contentType: options.tokenRequestContentType,
    }),
    refreshRequest: Object.freeze({
      redirectUri: options.refreshRequest?.redirectUri ?? false,
      codeVerifier: options.refreshRequest?.codeVerifier ?? false,
      scope: options.refreshRequest?.scope ?? false,
      clientAuthentication: options.refreshRequest?.clientAuthentication ?? true,
    }),
    defaultExpiresIn: options.defaultExpiresIn,
    tokenErrors: frozenList(options.tokenErrors ?? []),
    rotation: typeof rotation === 'object' ? Object.freeze({ ...rotation }) : rotation,
    refreshEndsAccessToken: options.refreshEndsAccessToken === true,

    idToken: idToken as Provider['idToken'],
    idTokenSigningAlg: options.idTokenSigningAlg,
    clockToleranceSeconds: options.clockToleranceSeconds ?? 30,
    identity: typeof options.identity === 'object' ? identityAt(options.identity, place) : options.identity,
    userInfoParameters: Object.freeze({ ...options.userInfoParameters }),

    expiredTokenAnswers: frozenList(options.expiredTokenAnswers ?? [{ status: 401 }]),

    revocation: options.revocation ?? 'refresh_token',
    sendIdTokenHint: options.sendIdTokenHint === true,
    acceptUntypedLogoutTokens: options.acceptUntypedLogoutTokens === true,
  }
  return Object.freeze(Object.defineProperty(provider, 'clientSecret', { value: options.clientSecret }) as Provider)
}

/** Members that are not known are left out, so that they hide nothing when they are merged. */
function metadataOf(layer: Description['given'], place: Place, discovery: Description['discovery']): StaticMetadata {
  const { issuer } = layer
  // What the document is found by is not the issuer that it names: that one is checked, and may end in a slash.
  const isKnown = typeof issuer === 'string' && !(discovery.kind === 'at' && discovery.isIssuer)
  const endpoints = ENDPOINTS.filter((name) => layer[name] !== undefined).map((name) => {
    const template = layer[name]
    return [name, typeof template === 'string' ? addressAt(template, place) : template] as const
  })
  return { ...(isKnown && { issuer: addressAt(issuer, place) }), ...Object.fromEntries(endpoints) }
}

function identityAt(identity: IdentityEndpoint, place: Place): IdentityEndpoint {
  const { url, claims } = identity
  return Object.freeze({
    ...identity,
    url: isUserInfo(identity) ? url : addressAt(url, place),
    ...(claims !== undefined && { claims: Object.freeze([...claims]) }),
  })
}

function frozenList<Pattern extends AnswerPattern>(patterns: readonly Pattern[]): readonly Pattern[] {
  const frozen = patterns.map((pattern): Pattern => {
    const { values } = pattern
    return Object.freeze(values === undefined ? { ...pattern } : { ...pattern, values: Object.freeze([...values]) })
  })
  return Object.freeze(frozen)
}
