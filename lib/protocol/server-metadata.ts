import {
  allowInsecureRequests,
  clockTolerance,
  customFetch,
  discovery,
  ClientError,
  Configuration,
  type ClientAuth,
  type ServerMetadata,
} from 'openid-client'
import { AuthError } from '../errors.ts'
import { urlComplaint } from '../url-rule.ts'
import { ASYMMETRIC_ALGORITHM, type Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { clientAuthentication } from './client-authentication.ts'
import { providerFetch } from './provider-fetch.ts'

/** What the server says of itself (OpenID Connect Discovery §3, RFC 8414), with what follows from it for this client. */
export interface ServerDescription {
  readonly metadata: ServerMetadata
  readonly clientAuthentication: ClientAuth
  /** Accepted for ID Tokens. Never `none`, and never a MAC: some servers list both. */
  readonly idTokenAlgorithms: readonly [string, ...string[]]
}

/** @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or, when the answer is for another issuer, `ERR_AUTH_MISCONFIGURED`. */
export async function discover(
  provider: Provider,
  redirectUri: string,
  timeoutMs: number,
  runtime: Runtime,
): Promise<ServerDescription> {
  const url = new URL(provider.discoveryUrl)
  let metadata
  try {
    const found = await discovery(url, provider.clientId, undefined, undefined, {
      timeout: toTimeout(timeoutMs),
      // Its own rule knows no loopback; `providerFetch` applies ours to every URL.
      // oxlint-disable-next-line typescript/no-deprecated -- deprecated to stand out, says its documentation
      execute: [allowInsecureRequests],
      [customFetch]: providerFetch(runtime, provider),
    })
    metadata = found.serverMetadata() as ServerMetadata
  } catch (cause) {
    if (cause instanceof ClientError && cause.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
      throw new AuthError('ERR_AUTH_MISCONFIGURED', `${provider.name} publishes metadata for another issuer; write "issuer" exactly as the server does`, { cause }) // prettier-ignore
    }
    throw new AuthError('ERR_AUTH_UNAVAILABLE', `the metadata of ${provider.name} cannot be fetched`, {
      cause,
      retryAfterSeconds: 5,
    })
  }
  demandEndpoints(metadata, provider)

  const method =
    provider.clientAuthentication ?? offeredAuthentication(provider, metadata.token_endpoint_auth_methods_supported)
  return {
    metadata,
    clientAuthentication: clientAuthentication(method, provider.clientSecret, redirectUri),
    idTokenAlgorithms: acceptedAlgorithms(provider, metadata.id_token_signing_alg_values_supported),
  }
}

/** A server that is half set up would otherwise be remembered so, and fail at each sign-in with something that is no answer. */
function demandEndpoints(metadata: ServerMetadata, { name, allowHttp }: Provider): void {
  const { authorization_endpoint, token_endpoint, jwks_uri, end_session_endpoint } = metadata
  const optional = Object.entries({ jwks_uri, end_session_endpoint }).filter(([, url]) => url !== undefined)
  for (const [member, url] of [...Object.entries({ authorization_endpoint, token_endpoint }), ...optional]) {
    const complaint = urlComplaint(url, allowHttp)
    if (complaint === undefined) continue
    throw new AuthError('ERR_AUTH_MISCONFIGURED', `in the metadata of ${name} "${member}" ${complaint}`)
  }
}

/** A configuration that every call of its own may adorn; `openid-client` copies what it is given. */
export function configurationFor(
  provider: Provider,
  server: ServerDescription,
  timeoutMs: number,
  fetch: ReturnType<typeof providerFetch>,
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
