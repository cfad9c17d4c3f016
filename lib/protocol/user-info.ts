import {
  ClientError, WWWAuthenticateChallengeError, fetchUserInfo, skipSubjectCheck, type UserInfoResponse,
} from 'openid-client' // prettier-ignore
import { AuthError } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import { expectsIdToken } from './id-token.ts'
import { judgeBody, judgeHead, type AnswerHead } from './refusal.ts'
import type { Connection } from './server-connection.ts'
import type { ServerDescription } from './server-metadata.ts'

/** @throws {AuthError} `ERR_AUTH_MISCONFIGURED` if nobody says where it is. */
export function userInfoEndpoint({ metadata }: ServerDescription, { name }: Pick<Provider, 'name'>): string {
  if (metadata.userinfo_endpoint !== undefined) return metadata.userinfo_endpoint
  throw new AuthError('ERR_AUTH_MISCONFIGURED', `nobody says where the UserInfo endpoint of ${name} is; check userInfoEndpoint`) // prettier-ignore
}

/** @throws {AuthError} as `AuthorizationServer.userInfo`. */
export async function askUserInfo(
  { configuration, server }: Connection,
  provider: Provider,
  accessToken: string,
  subject: string | undefined,
): Promise<UserInfoResponse | 'refused'> {
  const { name, expiredTokenAnswers } = provider
  userInfoEndpoint(server, provider)
  // Another API may call the end-user something else.
  const isComparable = subject !== undefined && (expectsIdToken(provider) || isNamedByUserInfo(provider))
  try {
    // oxlint-disable-next-line typescript/no-deprecated -- deprecated to stand out: there is nothing to compare
    return await fetchUserInfo(configuration, accessToken, isComparable ? subject : skipSubjectCheck)
  } catch (cause) {
    if (cause instanceof ClientError && cause.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
      throw new AuthError('ERR_AUTH_UNTRUSTED', `${name} answered with the claims of another end-user`, { cause })
    }
    if (await isRefusal(cause, expiredTokenAnswers)) return 'refused'
    throw new AuthError('ERR_AUTH_UNAVAILABLE', `the claims cannot be fetched from ${name}`, {
      cause,
      retryAfterSeconds: 5,
    })
  }
}

function isNamedByUserInfo({ identity }: Provider): boolean {
  if (typeof identity !== 'object') return identity === 'userinfo'
  return identity.url === 'userinfo' && identity.subject === 'sub'
}

/** By its status or its challenge (RFC 6750 §3.1), or in the provider's own words. */
async function isRefusal(thrown: unknown, patterns: Provider['expiredTokenAnswers']): Promise<boolean> {
  const isChallenge = thrown instanceof WWWAuthenticateChallengeError
  if (isChallenge && thrown.cause.some(({ parameters }) => parameters['error'] === 'invalid_token')) return true
  const response = isChallenge ? thrown.response : thrown instanceof ClientError ? thrown.cause : undefined
  if (!(response instanceof Response)) return false
  if (response.status === 401) return true
  const head: AnswerHead = { status: response.status, header: (name) => response.headers.get(name) ?? undefined }
  const verdict = judgeHead(patterns, head)
  if (verdict !== 'look' || response.bodyUsed) return verdict === 'refused'
  return judgeBody(patterns, head, new Uint8Array(await response.arrayBuffer()), undefined)
}
