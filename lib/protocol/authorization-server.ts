import {
  ClientError, authorizationCodeGrant, buildAuthorizationUrl, buildEndSessionUrl,
  calculatePKCECodeChallenge, fetchUserInfo, refreshTokenGrant, tokenRevocation,
  type IDToken, type UserInfoResponse,
} from 'openid-client' // prettier-ignore
import { AuthError, withoutSecrets } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { judgeRefreshedIdToken, type IdTokenVerdict } from './id-token.ts'
import { judgeLogoutToken, type LogoutTokenVerdict } from './logout-token.ts'
import { providerFetch } from './provider-fetch.ts'
import { signInError } from './sign-in-error.ts'
import { ServerConnection, type ConnectionSettings } from './server-connection.ts'
import type { ServerKeys } from './server-keys.ts'
import { configurationFor, type ServerDescription } from './server-metadata.ts'
import { readTokenFailure, type TokenFailure } from './token-failure.ts'
import { normaliseTokenResponse, toTokenSet, type TokenSet } from './token-response.ts'
import type { TokenTarget } from './token-target.ts'
import type { Transaction } from './transaction.ts'

/** What a sign-in brought. */
export interface CompletedSignIn {
  readonly tokens: TokenSet
  /** Of the validated ID Token; absent if none was asked for. */
  readonly claims: IDToken | undefined
}

export interface RefreshRequest {
  /** `sub` at sign-in, which an ID Token that comes along must repeat. */
  readonly subject: string | undefined
  /** What the access token is for; empty: all that was granted. */
  readonly target: TokenTarget
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

/** The door to one authorization server: begin, complete, refresh, revoke, end session. Knows no Express, session or store. */
export class AuthorizationServer {
  readonly provider: Provider
  readonly #redirectUri: string
  readonly #runtime: Runtime
  readonly #connection: ServerConnection

  constructor(provider: Provider, settings: ConnectionSettings, runtime: Runtime) {
    this.provider = provider
    this.#redirectUri = settings.redirectUri
    this.#runtime = runtime
    this.#connection = new ServerConnection(provider, settings, runtime)
  }

  /** Fetches the metadata if that has not been done. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or `ERR_AUTH_MISCONFIGURED`. */
  async ready(): Promise<void> {
    await this.#connection.open()
  }

  /**
   * The authorization request (RFC 6749 §4.1.1 with PKCE S256, RFC 7636 §4.3, and OIDC Core §3.1.2.1).
   *
   * @param state names the transaction in the answer.
   */
  async begin(transaction: Transaction, state: string): Promise<URL> {
    const { configuration } = await this.#connection.open()
    const { provider } = this
    const request = {
      ...(this.#wants('offline_access') && { prompt: 'consent' }), // OIDC Core §11: or the server may leave the refresh token out
      ...provider.authorizationParameters,
      ...transaction.parameters,
      ...(transaction.maxAge !== undefined && { max_age: String(transaction.maxAge) }),
      ...(this.#wants('openid') && { nonce: transaction.nonce }),
      ...(provider.responseMode !== 'query' && { response_mode: provider.responseMode }),
      redirect_uri: this.#redirectUri,
      scope: provider.scope,
      state,
      code_challenge: await calculatePKCECodeChallenge(transaction.codeVerifier),
      code_challenge_method: 'S256',
    }
    const parameters = new URLSearchParams(Object.entries(request).filter(([, value]) => value !== ''))
    for (const resource of provider.resources) parameters.append('resource', resource)
    return buildAuthorizationUrl(configuration, parameters)
  }

  /**
   * Validates the authorization response (RFC 6749 §4.1.2, `iss` per RFC 9207), exchanges its code and validates the ID Token
   * with its signature (OIDC Core §3.1.3.7).
   *
   * @param response exactly what arrived at the redirect URI.
   * @throws {AuthError} `ERR_AUTH_DENIED`, `ERR_AUTH_REQUIRED`, `ERR_AUTH_TRANSACTION`, `ERR_AUTH_MISCONFIGURED`,
   * `ERR_AUTH_UNTRUSTED` or `ERR_AUTH_UNAVAILABLE`.
   */
  async complete(response: URLSearchParams, state: string, transaction: Transaction): Promise<CompletedSignIn> {
    const { configuration, server, keys } = await this.#connection.open()
    this.#demandIssuer(response.get('iss'), server)
    const callback = new URL(this.#redirectUri)
    callback.search = response.toString()
    const askedAt = this.#runtime.now()
    let answer
    try {
      answer = await authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        pkceCodeVerifier: transaction.codeVerifier,
        ...(this.#wants('openid') && { expectedNonce: transaction.nonce, idTokenExpected: true }),
        ...(transaction.maxAge !== undefined && { maxAge: transaction.maxAge }),
      })
    } catch (thrown) {
      throw signInError(thrown, this.provider.name)
    }
    if (answer.id_token !== undefined) await this.#demandSignature(answer.id_token, server, keys)
    const claims = answer.claims()
    // Everybody who is called nothing would be the same user.
    if (claims?.sub === '')
      throw new AuthError('ERR_AUTH_UNTRUSTED', `the ID Token of ${this.provider.name} names nobody`)
    return { tokens: toTokenSet(answer, askedAt), claims }
  }

  /**
   * Redeems a refresh token (RFC 6749 §6, RFC 8707 §2.2). Never throws: what the server said is a value. The answer is handed over
   * before its ID Token is verified, since it may hold the only copy of the next refresh token.
   */
  async refresh(refreshToken: string, request: RefreshRequest): Promise<RefreshOutcome> {
    let isSent = true
    const maySend = (): boolean => (isSent = request.maySend())
    try {
      const { server } = await this.#connection.open()
      const askedAt = this.#runtime.now()
      let idToken: string | undefined
      // The library would check the ID Token first and drop the whole answer with it.
      const setIdTokenAside = (body: Record<string, unknown>): Record<string, unknown> => {
        const { id_token: aside, ...rest } = normaliseTokenResponse(body)
        if (typeof aside === 'string') idToken = aside
        return rest
      }
      const { allowHttp, clientId, clockToleranceSeconds } = this.provider
      const fetch = providerFetch(this.#runtime, { allowHttp, maySend, rewrite: setIdTokenAside })
      const configuration = configurationFor(this.provider, server, request.patienceMs, fetch)
      const answer = await refreshTokenGrant(configuration, refreshToken, targetParameters(request.target))
      const tokens = toTokenSet(answer, askedAt)
      if (idToken === undefined) return { kind: 'refreshed', tokens, idToken: 'none' }

      const expected = { issuer: server.metadata.issuer, clientId, subject: request.subject }
      const verdict = judgeRefreshedIdToken(idToken, expected, this.#runtime.now(), clockToleranceSeconds)
      return { kind: 'refreshed', tokens: verdict === 'stale' ? tokens : { ...tokens, idToken }, idToken: verdict }
    } catch (thrown) {
      return isSent ? { kind: 'failed', failure: this.#refreshFailure(thrown) } : { kind: 'not-sent' }
    }
  }

  /** @returns whether the server signed it. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` while its keys cannot be fetched. */
  async isSigned(idToken: string): Promise<boolean> {
    const { keys, server } = await this.#connection.open()
    return keys.isSigned(idToken, server.idTokenAlgorithms, 'server')
  }

  /**
   * Validates a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6), except that it may have come before. Anybody may have sent it:
   * what is made up causes no more than a request to the server now and then.
   *
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or `ERR_AUTH_MISCONFIGURED` while metadata or keys cannot be had, and never were.
   */
  async readLogoutToken(text: string): Promise<LogoutTokenVerdict> {
    const { server, keys } = await this.#connection.openForAnybody()
    const { provider } = this
    const algorithms = server.idTokenAlgorithms
    const expected = {
      issuer: server.metadata.issuer,
      clientId: provider.clientId,
      algorithms,
      acceptUntyped: provider.acceptUntypedLogoutTokens,
      toleranceSeconds: provider.clockToleranceSeconds,
    }
    const verdict = judgeLogoutToken(text, expected, this.#runtime.now())
    if (verdict.kind === 'refused') return verdict
    const isSigned = await keys.isSigned(text, algorithms, 'anybody')
    return isSigned ? verdict : { kind: 'refused', flaw: 'signature' }
  }

  /**
   * Claims about the end-user from the UserInfo endpoint, compared with the `sub` of the ID Token (OIDC Core §5.3.2).
   *
   * @throws {AuthError} `ERR_AUTH_UNTRUSTED` if they are about somebody else, `ERR_AUTH_UNAVAILABLE` if they cannot be had.
   */
  async userInfo(accessToken: string, subject: string): Promise<UserInfoResponse> {
    const { configuration } = await this.#connection.open()
    try {
      return await fetchUserInfo(configuration, accessToken, subject)
    } catch (cause) {
      if (cause instanceof ClientError && cause.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
        throw new AuthError(
          'ERR_AUTH_UNTRUSTED',
          `${this.provider.name} answered with the claims of another end-user`,
          { cause },
        )
      }
      throw new AuthError('ERR_AUTH_UNAVAILABLE', `the claims cannot be fetched from ${this.provider.name}`, {
        cause,
        retryAfterSeconds: 5,
      })
    }
  }

  /** Revokes the refresh token, or the access token where there is none (RFC 7009 §2.1). Does nothing where the server has no such endpoint. */
  async revoke(tokens: TokenSet): Promise<void> {
    const { configuration, server } = await this.#connection.open()
    if (server.metadata.revocation_endpoint === undefined) return
    const [token, hint] =
      tokens.refreshToken === undefined ? [tokens.accessToken, 'access_token'] : [tokens.refreshToken, 'refresh_token']
    await tokenRevocation(configuration, token, { token_type_hint: hint })
  }

  /** Where the browser signs out at the server (OpenID Connect RP-Initiated Logout §2), or `undefined` if it cannot. */
  async endSessionUrl(idToken: string | undefined, postLogoutRedirectUri: string): Promise<URL | undefined> {
    const { configuration, server } = await this.#connection.open()
    if (server.metadata.end_session_endpoint === undefined) return undefined
    const hint = this.provider.sendIdTokenHint && idToken !== undefined ? { id_token_hint: idToken } : {}
    return buildEndSessionUrl(configuration, { ...hint, post_logout_redirect_uri: postLogoutRedirectUri })
  }

  /** RFC 9207 §2.4: before anything else, the error included, is believed. */
  #demandIssuer(iss: string | null, { metadata }: ServerDescription): void {
    if (iss === metadata.issuer) return
    if (iss === null && metadata.authorization_response_iss_parameter_supported !== true) return
    throw new AuthError(
      'ERR_AUTH_TRANSACTION',
      `the answer does not say that it comes from ${this.provider.name}; sign in again`,
    )
  }

  async #demandSignature(idToken: string, { idTokenAlgorithms }: ServerDescription, keys: ServerKeys): Promise<void> {
    if (await keys.isSigned(idToken, idTokenAlgorithms, 'server')) return
    throw new AuthError('ERR_AUTH_UNTRUSTED', `the ID Token is not signed by ${this.provider.name}`)
  }

  #wants(scope: string): boolean {
    return this.provider.scope.split(' ').includes(scope)
  }

  #refreshFailure(thrown: unknown): TokenFailure {
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
}

function targetParameters({ resource, scope }: TokenTarget): Record<string, string> {
  return { ...(resource !== undefined && { resource }), ...(scope !== undefined && { scope }) }
}
