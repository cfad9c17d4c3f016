import { calculatePKCECodeChallenge } from 'openid-client'
import type { Provider } from '../providers/provider.ts'
import type { Transaction } from './transaction.ts'

/** How the browser gets to the authorization endpoint (RFC 6749 §3.1). */
export interface AuthorizationRequest {
  /** With all that does not stand in `fields`. */
  readonly url: URL
  readonly method: 'get' | 'post'
  /** What a form brings along; empty for `get`. */
  readonly fields: readonly (readonly [name: string, value: string])[]
}

export interface Asked {
  readonly state: string
  readonly redirectUri: string
  readonly expectsIdToken: boolean
}

/** RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1. What the flow itself sets goes last, and so before everything else. */
export async function authorizationParameters(
  provider: Provider,
  { parameters: wanted, maxAge, nonce, codeVerifier }: Transaction,
  { state, redirectUri, expectsIdToken }: Asked,
): Promise<URLSearchParams> {
  const request = {
    ...provider.authorizationParameters,
    ...wanted,
    ...(maxAge !== undefined && { max_age: String(maxAge) }),
    ...(expectsIdToken && { nonce }),
    ...(provider.responseMode !== 'query' && { response_mode: provider.responseMode }),
    redirect_uri: redirectUri,
    scope: provider.scope,
    state,
    ...(provider.pkce === 'S256' && {
      code_challenge: await calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    }),
  }
  const parameters = new URLSearchParams(Object.entries(request).filter(([, value]) => value !== ''))
  for (const resource of provider.resources) parameters.append('resource', resource)
  return parameters
}

/**
 * @param endpoint which may have a query of its own.
 * @param whole the request by GET.
 */
export function authorizationRequest(
  how: Provider['authorizationRequest'],
  endpoint: string,
  whole: URL,
): AuthorizationRequest {
  switch (how) {
    case 'get':
      return { url: whole, method: 'get', fields: [] }
    case 'post-query':
      return { url: whole, method: 'post', fields: [] }
    case 'post': {
      const url = new URL(endpoint)
      return { url, method: 'post', fields: [...whole.searchParams].slice([...url.searchParams].length) }
    }
    default:
      return how satisfies never
  }
}
