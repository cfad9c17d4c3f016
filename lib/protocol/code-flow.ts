import { authorizationCodeGrant, buildAuthorizationUrl, type IDToken } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { IdentifiedUser, Identify, IdentityEndpoint, Provider } from '../providers/provider.ts'
import type { Runtime } from '../runtime.ts'
import { authorizationParameters, authorizationRequest, type AuthorizationRequest } from './authorization-request.ts'
import { expectsIdToken } from './id-token.ts'
import { identify } from './identity.ts'
import { revokeTokens } from './revocation.ts'
import type { ConnectionSettings, ServerConnection } from './server-connection.ts'
import type { ServerKeys } from './server-keys.ts'
import type { ServerDescription } from './server-metadata.ts'
import { signInError } from './sign-in-error.ts'
import { refreshParameters } from './token-refresh.ts'
import { toTokenSet, type TokenSet } from './token-response.ts'
import type { Transaction } from './transaction.ts'
import { userInfoEndpoint } from './user-info.ts'

/** What a sign-in brought. */
export interface CompletedSignIn {
  readonly tokens: TokenSet
  /** Of the validated ID Token; absent if none was asked for. */
  readonly claims: IDToken | undefined
  /** Who has signed in, where that was found out by API; absent with an ID Token, and where nobody says. */
  readonly user?: IdentifiedUser | undefined
}

/** The authorization code flow (RFC 6749 §4.1): how somebody signs in at one server. */
export class CodeFlow {
  readonly #provider: Provider
  readonly #settings: ConnectionSettings
  readonly #runtime: Runtime
  readonly #connection: ServerConnection

  constructor(provider: Provider, settings: ConnectionSettings, runtime: Runtime, connection: ServerConnection) {
    this.#provider = provider
    this.#settings = settings
    this.#runtime = runtime
    this.#connection = connection
  }

  /** @throws {AuthError} as `AuthorizationServer.begin`. */
  async begin(transaction: Transaction, state: string): Promise<AuthorizationRequest> {
    const { configuration, server } = await this.#connection.open()
    const provider = this.#provider
    const isProvable = expectsIdToken(provider)
    if (transaction.maxAge !== undefined && !isProvable) {
      throw new AuthError('ERR_AUTH_OPTIONS', `"max_age" needs an ID Token to prove it, and ${provider.name} brings none`) // prettier-ignore
    }
    const asked = { state, redirectUri: this.#settings.redirectUri, expectsIdToken: isProvable }
    const parameters = await authorizationParameters(provider, transaction, asked)
    const whole = buildAuthorizationUrl(configuration, parameters)
    return authorizationRequest(provider.authorizationRequest, server.metadata.authorization_endpoint ?? '', whole)
  }

  /** @throws {AuthError} as `AuthorizationServer.complete`. */
  async complete(response: URLSearchParams, state: string, transaction: Transaction): Promise<CompletedSignIn> {
    const { configuration, server, keys } = await this.#connection.open()
    const { name, pkce } = this.#provider
    this.#demandIssuer(response.get('iss'), server)
    const callback = new URL(this.#settings.redirectUri)
    callback.search = response.toString()
    if (server.issuer === undefined) callback.searchParams.delete('iss') // the library would compare it with the label
    const askedAt = this.#runtime.now()
    let answer
    try {
      answer = await authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        ...(pkce === 'S256' && { pkceCodeVerifier: transaction.codeVerifier }),
        ...(expectsIdToken(this.#provider) && { expectedNonce: transaction.nonce, idTokenExpected: true }),
        ...(transaction.maxAge !== undefined && { maxAge: transaction.maxAge }),
      })
    } catch (thrown) {
      throw signInError(thrown, name)
    }
    if (answer.id_token !== undefined) await this.#demandSignature(answer.id_token, server, keys)
    const claims = answer.claims()
    // Everybody who is called nothing would be the same user.
    if (claims?.sub === '') throw new AuthError('ERR_AUTH_UNTRUSTED', `the ID Token of ${name} names nobody`)
    const tokens = this.#withRefreshParameters(toTokenSet(answer, askedAt), transaction)
    return { tokens, claims, user: claims === undefined ? await this.#identify(tokens, server) : undefined }
  }

  /** RFC 9207 §2.4: before anything else, the error included, is believed. */
  #demandIssuer(iss: string | null, { metadata, issuer }: ServerDescription): void {
    if (issuer === undefined || iss === issuer) return
    if (iss === null && metadata.authorization_response_iss_parameter_supported !== true) return
    throw new AuthError(
      'ERR_AUTH_TRANSACTION',
      `the answer does not say that it comes from ${this.#provider.name}; sign in again`,
    )
  }

  async #demandSignature(idToken: string, { idTokenAlgorithms }: ServerDescription, keys: ServerKeys): Promise<void> {
    if (await keys.isSigned(idToken, idTokenAlgorithms, 'server')) return
    throw new AuthError('ERR_AUTH_UNTRUSTED', `the ID Token is not signed by ${this.#provider.name}`)
  }

  /** What the transaction knows and each refresh must repeat, for as long as there are refreshes. */
  #withRefreshParameters(tokens: TokenSet, { codeVerifier }: Transaction): TokenSet {
    const repeated = refreshParameters(this.#provider, { redirectUri: this.#settings.redirectUri, codeVerifier })
    return Object.keys(repeated).length === 0 ? tokens : { ...tokens, refreshParameters: repeated }
  }

  async #identify(tokens: TokenSet, server: ServerDescription): Promise<IdentifiedUser | undefined> {
    const { identity, name, allowHttp, requestHeaders } = this.#provider
    if (identity === undefined) return undefined
    try {
      const settings = { name, allowHttp, requestHeaders, timeoutMs: this.#settings.timeoutMs }
      return await identify(this.#placed(identity, server), tokens.accessToken, settings, this.#runtime)
    } catch (error) {
      // Nobody will ever use them. With an ID Token it would not come to this, and the server might hold one grant for all sign-ins.
      await revokeTokens(await this.#connection.open(), this.#provider, tokens).catch(() => {})
      throw error
    }
  }

  #placed(identity: NonNullable<Provider['identity']>, server: ServerDescription): Identify | IdentityEndpoint {
    if (typeof identity === 'function') return identity
    const endpoint = identity === 'userinfo' ? { url: 'userinfo', subject: 'sub' } : identity
    return endpoint.url === 'userinfo' ? { ...endpoint, url: userInfoEndpoint(server, this.#provider) } : endpoint
  }
}
