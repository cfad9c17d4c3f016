import {
  allowInsecureRequests,
  clockTolerance,
  customFetch,
  discovery,
  ClientError,
  Configuration,
  type ClientAuth,
  type CustomFetch,
  type ServerMetadata,
} from 'openid-client'
import { AuthError } from '../errors.ts'
import { urlComplaint } from '../url-rule.ts'
import { ASYMMETRIC_ALGORITHM, type Provider, type StaticMetadata } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { clientAuthentication } from './client-authentication.ts'
import { providerFetch } from './provider-fetch.ts'

/** What is known of the server (OpenID Connect Discovery §3, RFC 8414), with what follows from it for this client. */
export interface ServerDescription {
  /** Its `issuer` is a mere label where nobody knows the real one: the library wants a name. */
  readonly metadata: ServerMetadata
  /** `undefined`: not known, so that nothing can be compared with it. */
  readonly issuer: string | undefined
  readonly clientAuthentication: ClientAuth
  /** Accepted for ID Tokens. Never `none`, and never a MAC: some servers list both. */
  readonly idTokenAlgorithms: readonly [string, ...string[]]
}

/**
 * Static metadata, and what the server says of itself, if it is to be asked.
 *
 * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or, when the answer is for another issuer or of no use, `ERR_AUTH_MISCONFIGURED`.
 */
export async function describeServer(
  provider: Provider,
  redirectUri: string,
  timeoutMs: number,
  runtime: Runtime,
): Promise<ServerDescription> {
  const { discoveryUrl, clientSecret } = provider
  const found = discoveryUrl === undefined ? {} : await discover(discoveryUrl, provider, timeoutMs, runtime)
  const merged = { ...onTheWire(provider.fallbackMetadata), ...found, ...onTheWire(provider.metadata) }
  const endSession = provider.metadata.endSessionEndpoint ?? provider.fallbackMetadata.endSessionEndpoint
  if (endSession === false) delete merged.end_session_endpoint
  demandEndpoints(merged, provider)

  const { issuer, authorization_endpoint = '', userinfo_endpoint: userInfo } = merged
  const metadata: ServerMetadata = {
    ...merged,
    issuer: issuer ?? new URL(authorization_endpoint).origin,
    ...(userInfo !== undefined && { userinfo_endpoint: withParameters(userInfo, provider.userInfoParameters) }),
  }
  const method =
    provider.clientAuthentication ?? offeredAuthentication(provider, metadata.token_endpoint_auth_methods_supported)
  const { clientAuthentication: onRefresh } = provider.refreshRequest
  return {
    metadata,
    issuer,
    clientAuthentication: clientAuthentication(method, clientSecret, redirectUri, onRefresh),
    idTokenAlgorithms: acceptedAlgorithms(provider, metadata.id_token_signing_alg_values_supported),
  }
}

async function discover(
  discoveryUrl: string,
  provider: Provider,
  timeoutMs: number,
  runtime: Runtime,
): Promise<Partial<ServerMetadata>> {
  try {
    const found = await discovery(new URL(discoveryUrl), provider.clientId, undefined, undefined, {
      timeout: toTimeout(timeoutMs),
      // Its own rule knows no loopback; `providerFetch` applies ours to every URL.
      // oxlint-disable-next-line typescript/no-deprecated -- deprecated to stand out, says its documentation
      execute: [allowInsecureRequests],
      [customFetch]: providerFetch(runtime, provider),
    })
    return found.serverMetadata()
  } catch (cause) {
    if (cause instanceof ClientError && cause.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `${provider.name} publishes metadata for another issuer; write "issuer" exactly as the server does`, { cause }) // prettier-ignore
    }
    const status = cause instanceof ClientError && cause.cause instanceof Response ? cause.cause.status : undefined
    if (status !== undefined && isNotThere(status)) {
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `the metadata of ${provider.name} is not where it is looked for (status ${status}); check issuer, discovery, host and tenant`, { cause }) // prettier-ignore
    }
    throw new AuthError('ERR_AUTH_UNAVAILABLE', `the metadata of ${provider.name} cannot be fetched`, {
      cause,
      retryAfterSeconds: 5,
    })
  }
}

function isNotThere(status: number): boolean {
  return (status >= 300 && status < 400) || status === 404 || status === 410
}

const WIRE_NAMES = {
  issuer: 'issuer',
  authorizationEndpoint: 'authorization_endpoint',
  tokenEndpoint: 'token_endpoint',
  userInfoEndpoint: 'userinfo_endpoint',
  revocationEndpoint: 'revocation_endpoint',
  endSessionEndpoint: 'end_session_endpoint',
  jwksUri: 'jwks_uri',
} as const satisfies Record<keyof StaticMetadata, keyof ServerMetadata>

/** Without what is not known, which would hide what the server says. */
function onTheWire(metadata: StaticMetadata): Partial<ServerMetadata> {
  const known = Object.entries(metadata).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(known.map(([name, value]) => [WIRE_NAMES[name as keyof StaticMetadata], value as string]))
}

function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  if (Object.keys(parameters).length === 0) return url
  return `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams(parameters).toString()}`
}

/** A server that is half set up would otherwise be remembered so, and fail at each sign-in with something that is no answer. */
function demandEndpoints(metadata: Partial<ServerMetadata>, { name, allowHttp }: Provider): void {
  const { authorization_endpoint, token_endpoint, jwks_uri, end_session_endpoint } = metadata
  const optional = Object.entries({ jwks_uri, end_session_endpoint }).filter(([, url]) => url !== undefined)
  for (const [member, url] of [...Object.entries({ authorization_endpoint, token_endpoint }), ...optional]) {
    const fragment = url?.includes('#') === true ? 'must not have a fragment' : undefined // RFC 6749 §3.1, §3.2
    const complaint = urlComplaint(url, allowHttp) ?? fragment
    if (complaint === undefined) continue
    throw new AuthError('ERR_AUTH_MISCONFIGURED', `in the metadata of ${name} "${member}" ${complaint}`)
  }
}

/** A configuration that every call of its own may adorn; `openid-client` copies what it is given. */
export function configurationFor(
  provider: Provider,
  server: ServerDescription,
  timeoutMs: number,
  fetch: CustomFetch,
): Configuration {
  const metadata: ServerMetadata = {
    ...server.metadata,
    id_token_signing_alg_values_supported: [...server.idTokenAlgorithms],
  }
  const configuration = new Configuration(
    metadata,
    provider.clientId,
    { [clockTolerance]: provider.clockToleranceSeconds },
    server.clientAuthentication,
  )
  configuration.timeout = toTimeout(timeoutMs)
  configuration[customFetch] = fetch
  // oxlint-disable-next-line typescript/no-deprecated -- as above
  allowInsecureRequests(configuration)
  return configuration
}

/**
 * Seconds, which the library turns into milliseconds again for a timer that takes whole ones only: quarters survive that, while 1.001
 * becomes 1000.9999999999999.
 */
function toTimeout(ms: number): number {
  return Math.max(Math.ceil(ms / 250), 1) / 4
}

function offeredAuthentication(
  provider: Provider,
  offered: readonly string[] | undefined,
): 'none' | 'client_secret_basic' | 'client_secret_post' {
  if (provider.clientSecret === undefined) return 'none'
  // Not listed at all means Basic (RFC 8414 §2).
  const postOnly =
    offered !== undefined && !offered.includes('client_secret_basic') && offered.includes('client_secret_post')
  return postOnly ? 'client_secret_post' : 'client_secret_basic'
}

function acceptedAlgorithms(
  provider: Provider,
  offered: readonly string[] | undefined,
): readonly [string, ...string[]] {
  if (provider.idTokenSigningAlg !== undefined) return [provider.idTokenSigningAlg]
  const [first = 'RS256', ...others] = (offered ?? []).filter((alg) => ASYMMETRIC_ALGORITHM.test(alg))
  return [first, ...others]
}
