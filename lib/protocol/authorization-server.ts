import { buildEndSessionUrl, type UserInfoResponse } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import { CodeFlow, type CompletedSignIn } from './code-flow.ts'
import { judgeLogoutToken, logoutTokenFlaw, type LogoutTokenVerdict } from './logout-token.ts'
import { revokeTokens } from './revocation.ts'
import { ServerConnection, type ConnectionSettings } from './server-connection.ts'
import { redeemRefreshToken, type RefreshOutcome, type RefreshRequest } from './token-refresh.ts'
import type { TokenSet } from './token-response.ts'
import type { Transaction } from './transaction.ts'
import { askUserInfo } from './user-info.ts'

export type { CompletedSignIn } from './code-flow.ts'
export type { RefreshOutcome, RefreshRequest } from './token-refresh.ts'

/** The door to one authorization server: begin, complete, refresh, revoke, end session. Knows no Express, session or store. */
export class AuthorizationServer {
  readonly provider: Provider
  readonly #runtime: Runtime
  readonly #connection: ServerConnection
  readonly #codeFlow: CodeFlow

  /** @throws {AuthError} `ERR_AUTH_OPTIONS` if the provider's own redirect URI leads elsewhere. */
  constructor(provider: Provider, settings: ConnectionSettings, runtime: Runtime) {
    this.provider = provider
    this.#runtime = runtime
    const placed = { ...settings, redirectUri: redirectUriOf(provider, settings.redirectUri) }
    this.#connection = new ServerConnection(provider, placed, runtime)
    this.#codeFlow = new CodeFlow(provider, placed, runtime, this.#connection)
  }

  /** Is its metadata known by now, so that nothing has to be fetched first? */
  get isKnown(): boolean {
    return this.#connection.isKnown
  }

  /** Fetches the metadata if that has not been done. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or `ERR_AUTH_MISCONFIGURED`. */
  async ready(): Promise<void> {
    await this.#connection.open()
  }

  /**
   * The authorization request (RFC 6749 §4.1.1 with PKCE S256, RFC 7636 §4.3, and OIDC Core §3.1.2.1).
   *
   * @param state names the transaction in the answer.
   * @throws {AuthError} `ERR_AUTH_UNAVAILABLE` or `ERR_AUTH_MISCONFIGURED`; `ERR_AUTH_OPTIONS` for a `max_age` that nothing would prove.
   */
  async begin(transaction: Transaction, state: string): Promise<AuthorizationRequest> {
    return this.#codeFlow.begin(transaction, state)
  }

  /**
   * Validates the authorization response (RFC 6749 §4.1.2, `iss` per RFC 9207), exchanges its code and validates the ID Token
   * with its signature (OIDC Core §3.1.3.7). Where there is none it asks the provider who that was, if it can.
   *
   * @param response exactly what arrived at the redirect URI.
   * @throws {AuthError} `ERR_AUTH_DENIED`, `ERR_AUTH_REQUIRED`, `ERR_AUTH_TRANSACTION`, `ERR_AUTH_MISCONFIGURED`,
   * `ERR_AUTH_UNTRUSTED` or `ERR_AUTH_UNAVAILABLE`.
   */
  async complete(response: URLSearchParams, state: string, transaction: Transaction): Promise<CompletedSignIn> {
    return this.#codeFlow.complete(response, state, transaction)
  }

  /** Redeems a refresh token (RFC 6749 §6, RFC 8707 §2.2). Never throws: what the server said is a value. */
  async refresh(refreshToken: string, request: RefreshRequest): Promise<RefreshOutcome> {
    return redeemRefreshToken(this.#connection, this.provider, refreshToken, request, this.#runtime)
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
    const { provider } = this
    const client = {
      clientId: provider.clientId,
      acceptUntyped: provider.acceptUntypedLogoutTokens,
      toleranceSeconds: provider.clockToleranceSeconds,
    }
    const flaw = logoutTokenFlaw(text, client, this.#runtime.now())
    if (flaw !== undefined) return { kind: 'refused', flaw }
    const { server, keys } = await this.#connection.openForAnybody()
    const isProvable = provider.discoveryUrl !== undefined || server.metadata.jwks_uri !== undefined
    if (server.issuer === undefined || !isProvable) return { kind: 'refused', flaw: 'iss' }
    const algorithms = server.idTokenAlgorithms
    const verdict = judgeLogoutToken(text, { ...client, issuer: server.issuer, algorithms }, this.#runtime.now())
    if (verdict.kind === 'refused') return verdict
    const isSigned = await keys.isSigned(text, algorithms, 'anybody')
    return isSigned ? verdict : { kind: 'refused', flaw: 'signature' }
  }

  /**
   * Claims about the end-user from the UserInfo endpoint, compared with the `sub` of the ID Token (OIDC Core §5.3.2).
   *
   * @param subject as it was at sign-in; compared only where it means the same there.
   * @returns `refused`: the access token is not good any more.
   * @throws {AuthError} `ERR_AUTH_UNTRUSTED` if they are about somebody else, `ERR_AUTH_UNAVAILABLE` if they cannot be had,
   * `ERR_AUTH_MISCONFIGURED` if nobody says where.
   */
  async userInfo(accessToken: string, subject: string | undefined): Promise<UserInfoResponse | 'refused'> {
    return askUserInfo(await this.#connection.open(), this.provider, accessToken, subject)
  }

  /** Revokes what the server lets be revoked (RFC 7009 §2.1). Does nothing where it has no such endpoint. */
  async revoke(tokens: TokenSet): Promise<void> {
    if (this.provider.revocation !== 'none') await revokeTokens(await this.#connection.open(), this.provider, tokens)
  }

  /** Where the browser signs out at the server (OpenID Connect RP-Initiated Logout §2), or `undefined` if it cannot. */
  async endSessionUrl(idToken: string | undefined, postLogoutRedirectUri: string): Promise<URL | undefined> {
    const { configuration, server } = await this.#connection.open()
    if (server.metadata.end_session_endpoint === undefined) return undefined
    const hint = this.provider.sendIdTokenHint && idToken !== undefined ? { id_token_hint: idToken } : {}
    return buildEndSessionUrl(configuration, { ...hint, post_logout_redirect_uri: postLogoutRedirectUri })
  }
}

/** How it is registered may add a query; the answer must arrive where it is read, and where the cookie is. */
function redirectUriOf({ redirectUri, name }: Provider, callback: string): string {
  if (redirectUri === undefined) return callback
  const { origin, pathname } = new URL(redirectUri)
  if (origin + pathname === new URL(callback).href) return redirectUri
  throw new AuthError('ERR_AUTH_OPTIONS', `${name}: "redirectUri" must lead to ${callback}, with a query at most; check "baseUrl"`) // prettier-ignore
}
