import type { Request, Response } from 'express'
import type { UserInfoResponse } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { AccessToken, AccessTokenRequest } from '../grants/access-tokens.ts'
import type { TokenTarget } from '../protocol/token-target.ts'
import type { AnswerPattern } from '../providers/provider.ts'
import type { Account, Connection, User } from '../session/account.ts'
import { authorizedFetch, replacement, type TokenSource } from './authorized-fetch.ts'
import { readLoginParameters, readReturnPath } from './login.ts'
import { LOGIN_PARAMETERS, type LoginParameter, type Parts } from './parts.ts'
import type { Registration } from './registrations.ts'
import { beginSignIn, destinationAt } from './sign-in.ts'

export interface LoginOptions {
  /** A path on this site. Default: the page of this request. */
  returnTo?: string | undefined
  /** Parameters of the authorization request, such as `{ prompt: 'login' }`. */
  parameters?: Readonly<Partial<Record<Exclude<LoginParameter, 'max_age'>, string>>> | undefined
  /** The end-user must have signed in at the server within so many seconds. */
  maxAge?: number | undefined
}

export interface AccessTokenOptions extends TokenTarget {
  readonly signal?: AbortSignal | undefined
}

/** How the grant is doing, without its tokens: safe to show. */
export interface GrantHealth {
  /** Counts the refreshes: 1 after the sign-in. */
  readonly generation: number
  /** Epoch milliseconds; `undefined` where the server did not say. */
  readonly expiresAt: number | undefined
  /** Epoch milliseconds. */
  readonly refreshedAt: number
  readonly isRefreshable: boolean
  readonly scope: string | undefined
}

/** What can be done with the tokens of an account. */
export interface AccountAuth {
  /**
   * An access token that is good now; refreshed if need be.
   *
   * @param options `resource` and `scope` ask for a token of its own for one resource server (RFC 8707) or part of the scope; `signal`
   * stops the waiting.
   * @throws {AuthError} `ERR_AUTH_REQUIRED`, `ERR_AUTH_REVOKED` (sign in again), `ERR_AUTH_UNAVAILABLE` (try later),
   * `ERR_AUTH_MISCONFIGURED`.
   */
  accessToken(options?: AccessTokenOptions): Promise<string>

  /**
   * `fetch` with the access token. Where the token is refused (401, or in the provider's own way), it is sent once more with a newer one,
   * if the body can be sent again. The token goes to whatever URL is given: give it no URL that a user chose.
   *
   * @throws {AuthError} as `accessToken`, also where a refused token cannot be replaced for want of a refresh token; `ERR_AUTH_UPSTREAM` for a
   * URL that the token is not sent to, such as one with http:.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<globalThis.Response>

  /**
   * Claims from the UserInfo endpoint, checked to be about the same end-user (OIDC Core §5.3). Where the token is refused, it is asked once
   * more with a newer one.
   *
   * @throws {AuthError} as `accessToken`; `ERR_AUTH_UNTRUSTED` if they are about somebody else.
   */
  userInfo(): Promise<UserInfoResponse>

  /** @throws {AuthError} as `accessToken`. */
  grant(): Promise<GrantHealth>
}

/** `req.auth.provider(key)`: the account that who is signed in has at one provider. */
export interface ProviderAuth extends AccountAuth {
  /**
   * Also `true` of the account they signed in with. Says what the session says: that a connection has ended elsewhere shows at its next
   * use, and at `requireAuth({ provider })`.
   */
  readonly isConnected: boolean
  /** Whom this provider knows them as. */
  readonly user: User | undefined
  /** Epoch milliseconds. */
  readonly connectedAt: number | undefined

  /**
   * Answers this request with the redirect that connects the account, again if it is connected; or signs in where nobody is signed in.
   * Guard the route against cross-site requests: nobody is asked once more.
   *
   * @throws {AuthError} `ERR_AUTH_REQUIRED` where nobody is signed in and the provider may not sign anybody in; `ERR_AUTH_UNAVAILABLE`.
   */
  connect(options?: LoginOptions): Promise<void>

  /**
   * Ends this connection, here and at the provider; the user stays signed in. Does nothing where nothing is connected.
   *
   * @throws {AuthError} `ERR_AUTH_REQUEST` for the account they signed in with: that is what `req.auth.logout()` is for.
   */
  disconnect(): Promise<void>
}

/** The account of who is signed in at one provider: the one they signed in with, or one that is connected to it. */
export class ProviderAccess implements ProviderAuth, TokenSource {
  readonly #parts: Parts
  readonly #registration: Registration
  readonly #req: Request
  readonly #res: Response
  readonly #signedIn: () => Account | undefined

  constructor(
    parts: Parts,
    registration: Registration,
    req: Request,
    res: Response,
    signedIn: () => Account | undefined,
  ) {
    this.#parts = parts
    this.#registration = registration
    this.#req = req
    this.#res = res
    this.#signedIn = signedIn
  }

  get account(): Account | Connection | undefined {
    const account = this.#signedIn()
    if (account === undefined || account.provider === this.#registration.key) return account
    return this.#connection
  }

  get isConnected(): boolean {
    return this.account !== undefined
  }

  get user(): User | undefined {
    return this.account?.user
  }

  get connectedAt(): number | undefined {
    const { account } = this
    return account !== undefined && 'connectedAt' in account ? account.connectedAt : account?.signedInAt
  }

  get expiredTokenAnswers(): readonly AnswerPattern[] {
    return this.#registration.server.provider.expiredTokenAnswers
  }

  async accessToken({ resource, scope, signal }: AccessTokenOptions = {}): Promise<string> {
    const { token } = await this.freshToken({ resource, scope, signal })
    return token
  }

  async fetch(url: string | URL, init: RequestInit = {}): Promise<globalThis.Response> {
    const { allowHttp } = this.#registration.server.provider
    return authorizedFetch(this, { runtime: this.#parts.runtime, allowHttp }, url, init)
  }

  async userInfo(): Promise<UserInfoResponse> {
    const { user } = this.demandAccount()
    const { server } = this.#registration
    const token = await this.freshToken({})
    const answer = await server.userInfo(token.token, user.sub)
    if (answer !== 'refused') return answer
    const next = await replacement(this, token)
    const second = next === undefined ? 'refused' : await server.userInfo(next.token, user.sub)
    if (second !== 'refused') return second
    const { name } = server.provider
    throw new AuthError('ERR_AUTH_MISCONFIGURED', `the UserInfo endpoint of ${name} refuses access tokens that it has just issued; check the scope`) // prettier-ignore
  }

  async grant(): Promise<GrantHealth> {
    const account = this.demandAccount()
    const { generation, tokens, storedAt } = await this.#orForget(account, this.#parts.keeper.state(account.grantId))
    const { expiresAt, refreshToken, scope } = tokens
    return { generation, expiresAt, refreshedAt: storedAt, isRefreshable: refreshToken !== undefined, scope }
  }

  async connect({ returnTo = this.#req.originalUrl, parameters = {}, maxAge }: LoginOptions = {}): Promise<void> {
    const returnPath = readReturnPath(returnTo, this.#parts.settings)
    // By name: a handler that passes a form on must not let it change the request itself.
    const accepted = readLoginParameters(
      (name) => (name === 'max_age' ? undefined : parameters[name]),
      LOGIN_PARAMETERS,
    )
    const destination = destinationAt(this.#registration, this.#signedIn())
    const request = { returnPath, attempt: 1, maxAge, parameters: accepted }
    await beginSignIn(this.#parts, destination, this.#req, this.#res, request)
  }

  async disconnect(): Promise<void> {
    const { corner, keeper, tell } = this.#parts
    if (this.#signedIn()?.provider === this.#registration.key) {
      throw new AuthError(
        'ERR_AUTH_REQUEST',
        'disconnect(): the user has signed in with this account; use req.auth.logout()',
      )
    }
    const connection = this.#signedIn() && this.#connection
    if (connection === undefined) return
    const { grantId, user } = connection
    // If its store is away, it ends as soon as that is back.
    const last = await keeper.bury(grantId, 'signed-out').catch(() => undefined)
    const revoked = last && keeper.revoke(grantId, last, 'signed-out')
    await corner.disconnect(this.#req, connection)
    await revoked
    tell({ type: 'disconnect', provider: this.#registration.grantKey, subject: user.sub, grantId })
  }

  /** @throws {AuthError} `ERR_AUTH_REQUIRED` */
  demandAccount(): Account | Connection {
    const { account } = this
    if (account !== undefined) return account
    if (this.#signedIn() === undefined) throw new AuthError('ERR_AUTH_REQUIRED', 'nobody is signed in')
    throw this.#needsLogin(new AuthError('ERR_AUTH_REQUIRED', 'this account is not connected'))
  }

  /**
   * The same, and a connection has not ended elsewhere: its session is not named in its grant, so that nobody who ends it there can take it
   * out of the session. While the grant store is away, the session counts.
   *
   * @throws {AuthError} `ERR_AUTH_REQUIRED`
   */
  async demandLiveAccount(): Promise<Account | Connection> {
    const account = this.demandAccount()
    if (!('connectedAt' in account)) return account
    const found = await this.#parts.keeper.inspect(account.grantId).catch(() => 'unknown' as const)
    if (found !== undefined) return account
    this.#parts.corner.forget(this.#req, account)
    throw this.#needsLogin(new AuthError('ERR_AUTH_REQUIRED', 'this account is not connected any more'))
  }

  /** @throws {AuthError} as `accessToken`. */
  async freshToken(request: AccessTokenRequest): Promise<AccessToken> {
    const account = this.demandAccount()
    return this.#orForget(account, this.#parts.keeper.accessToken(account.grantId, request))
  }

  async isRefreshable(): Promise<boolean> {
    return (await this.grant()).isRefreshable
  }

  get #connection(): Connection | undefined {
    const { key } = this.#registration
    return this.#parts.corner.connections(this.#req).find(({ provider }) => provider === key)
  }

  /** A grant that has ended takes the sign-in, or the connection, with it: the next navigation begins a new one. */
  async #orForget<T>(account: Account | Connection, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof AuthError) || error.status !== 401) throw error
      if (error.code === 'ERR_AUTH_REVOKED') this.#parts.corner.forget(this.#req, account)
      throw this.#needsLogin(error)
    }
  }

  #needsLogin(error: AuthError): AuthError {
    this.#parts.loginPaths.set(error, this.#registration.paths.login)
    return error
  }
}
