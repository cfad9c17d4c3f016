import { refreshTokenGrant } from 'openid-client'
import { AuthError, Cause, withoutSecrets } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { judgeRefreshedIdToken, type IdTokenVerdict } from './id-token.ts'
import { providerFetchWithTokens } from './provider-fetch.ts'
import type { ServerConnection } from './server-connection.ts'
import { configurationFor } from './server-metadata.ts'
import { readTokenFailure, type TokenFailure } from './token-failure.ts'
import { toTokenSet, type TokenSet } from './token-response.ts'
import type { TokenTarget } from './token-target.ts'

export interface RefreshRequest {
  /** `sub` at sign-in, which an ID Token that comes along must repeat. */
  readonly subject: string | undefined
  /** What the access token is for; empty: all that was granted. */
  readonly target: TokenTarget
  /** `refreshParameters` of the tokens at hand. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** How long the connection stays open. Milliseconds. */
  readonly patienceMs: number
  /** Asked right before the bytes leave: is it still our turn? */
  maySend(): boolean
}

export type RefreshOutcome =
  | { kind: 'refreshed'; tokens: TokenSet; idToken: IdTokenVerdict | 'none' }
  | { kind: 'failed'; failure: TokenFailure }
  /** `maySend` said no. */
  | { kind: 'not-sent' }

/** What a sign-in knows of itself. */
export interface SignInFacts {
  readonly redirectUri: string
  readonly codeVerifier: string
}

/** What each refresh repeats of the sign-in, by its name on the wire. */
export function refreshParameters(
  { refreshRequest, scope }: Pick<Provider, 'refreshRequest' | 'scope'>,
  { redirectUri, codeVerifier }: SignInFacts,
): Readonly<Record<string, string>> {
  return {
    ...(refreshRequest.redirectUri && { redirect_uri: redirectUri }),
    ...(refreshRequest.codeVerifier && { code_verifier: codeVerifier }),
    ...(refreshRequest.scope && { scope }),
  }
}

/**
 * Redeems a refresh token (RFC 6749 §6, RFC 8707 §2.2). Never throws: what the server said is a value. The answer is handed over before its
 * ID Token is verified, since it may hold the only copy of the next refresh token.
 */
export async function redeemRefreshToken(
  connection: ServerConnection,
  provider: Provider,
  refreshToken: string,
  request: RefreshRequest,
  runtime: Runtime,
): Promise<RefreshOutcome> {
  if (isIncomplete(provider, request)) return { kind: 'failed', failure: INCOMPLETE }
  let isSent = true
  const maySend = (): boolean => (isSent = request.maySend())
  try {
    const { server } = await connection.open()
    const askedAt = runtime.now()
    let idToken: string | undefined
    // The library would check the ID Token first and drop the whole answer with it.
    const setIdTokenAside = ({ id_token: aside, ...rest }: Record<string, unknown>): Record<string, unknown> => {
      if (typeof aside === 'string') idToken = aside
      return rest
    }
    const fetch = providerFetchWithTokens(runtime, provider, { maySend, take: setIdTokenAside })
    const configuration = configurationFor(provider, server, request.patienceMs, fetch)
    const parameters = { ...request.parameters, ...targetParameters(request.target) }
    const tokens = toTokenSet(await refreshTokenGrant(configuration, refreshToken, parameters), askedAt)
    if (idToken === undefined) return { kind: 'refreshed', tokens, idToken: 'none' }

    const { clientId, clockToleranceSeconds } = provider
    const expected = { issuer: server.metadata.issuer, clientId, subject: request.subject }
    const verdict = judgeRefreshedIdToken(idToken, expected, runtime.now(), clockToleranceSeconds)
    return { kind: 'refreshed', tokens: verdict === 'stale' ? tokens : { ...tokens, idToken }, idToken: verdict }
  } catch (thrown) {
    return isSent ? { kind: 'failed', failure: refreshFailure(thrown) } : { kind: 'not-sent' }
  }
}

/** From a sign-in before the provider was configured to repeat so much of it: it would refuse every refresh of this one. */
function isIncomplete({ refreshRequest }: Provider, { parameters = {} }: RefreshRequest): boolean {
  const wanted = { redirect_uri: refreshRequest.redirectUri, code_verifier: refreshRequest.codeVerifier, scope: refreshRequest.scope } // prettier-ignore
  return Object.entries(wanted).some(([name, isWanted]) => isWanted && parameters[name] === undefined)
}

const INCOMPLETE: TokenFailure = {
  kind: 'dead',
  unspent: true,
  answered: false,
  error: undefined,
  retryAfterMs: undefined,
  cause: new Cause('RefreshRequestError', 'the sign-in did not keep what "refreshRequest" repeats now', undefined),
}

function refreshFailure(thrown: unknown): TokenFailure {
  if (!(thrown instanceof AuthError)) return readTokenFailure(thrown)
  // Discovery failed: nothing was sent.
  const kind = thrown.code === 'ERR_AUTH_MISCONFIGURED' ? 'misconfigured' : 'passing'
  return {
    kind,
    unspent: true,
    answered: false,
    error: undefined,
    retryAfterMs: undefined,
    cause: withoutSecrets(thrown),
  }
}

function targetParameters({ resource, scope }: TokenTarget): Record<string, string> {
  return { ...(resource !== undefined && { resource }), ...(scope !== undefined && { scope }) }
}
