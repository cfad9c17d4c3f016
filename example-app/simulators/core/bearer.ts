import { DEMO_ACCOUNTS, type DemoAccount } from '../../authorization-server/accounts.ts'
import { readParameters } from './parameters.ts'
import { headerOf, type RawRequest } from './raw-http.ts'

/** @returns the demo account of a token's subject; undefined for an app's own token. */
export function userOf(subject: string | undefined): DemoAccount | undefined {
  return DEMO_ACCOUNTS.find(({ login }) => login === subject)
}

/** @returns the token of `Authorization: Bearer <token>` (RFC 6750 §2.1); undefined when there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization ?? '')?.[1]
}

/**
 * @returns the token of the header, or where `inQuery` says so and there is no such header, that of `?access_token=`
 *   (RFC 6750 §2.3).
 */
export function presentedToken(request: RawRequest, { inQuery }: { readonly inQuery: boolean }): string | undefined {
  const authorization = headerOf(request, 'authorization')
  if (authorization !== undefined || !inQuery) return bearerToken(authorization)
  return readParameters(request.query)('access_token')
}
