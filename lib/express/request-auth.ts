import type { Request, Response } from 'express'
import type { UserInfoResponse } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { AccessToken, AccessTokenRequest } from '../grants/access-tokens.ts'
import type { TokenTarget } from '../protocol/token-target.ts'
import { urlComplaint } from '../url-rule.ts'
import type { Account, User } from '../session/session-corner.ts'
import { readLoginParameters, readReturnPath } from './login.ts'
import { signOut } from './logout.ts'
import { LOGIN_PARAMETERS, type LoginParameter, type Parts } from './parts.ts'
import { beginSignIn, redirect } from './sign-in.ts'

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

/** `req.auth`: who is signed in, and what can be done for them. */
export interface RequestAuth {
  readonly isAuthenticated: boolean
  /** Claims of the ID Token. */
  readonly user: User | undefined
  /** Epoch milliseconds. */
  readonly signedInAt: number | undefined

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
   * `fetch` with the access token. Refused with 401, it is sent once more with a newer token if the body can be sent again. The token
   * goes to whatever URL is given: give it no URL that a user chose.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<globalThis.Response>

  /** Claims from the UserInfo endpoint, checked to be about the same end-user (OIDC Core §5.3). */
  userInfo(): Promise<UserInfoResponse>

  /** @throws {AuthError} as `accessToken`. */
  grant(): Promise<GrantHealth>

  /** Answers this request with the redirect that begins a sign-in. */
  login(options?: LoginOptions): Promise<void>

  /** Signs out and answers with the redirect that follows. Guard the route against cross-site requests. */
  logout(): Promise<void>
}

declare global {
  namespace Express {
    interface Request {
      auth: RequestAuth
    }
  }
}

/** `req.auth` of one instance. */
export class ConnectedRequest implements RequestAuth {
  readonly #parts: Parts
  readonly #req: Request
  readonly #res: Response

  constructor(parts: Parts, req: Request, res: Response) {
    this.#parts = parts
    this.#req = req
    this.#res = res
  }

  /** Several instances may serve one application; each has its own. */
  isOf(parts: Parts): boolean {
    return this.#parts === parts
  }

  get account(): Account | undefined {
    // After sign-out there is no session any more.
    return (this.#req as { session?: unknown }).session === undefined
      ? undefined
      : this.#parts.corner.account(this.#req)
  }

  get isAuthenticated(): boolean {
    return this.account !== undefined
  }

  get user(): User | undefined {
    return this.account?.user
  }

  get signedInAt(): number | undefined {
    return this.account?.signedInAt
  }

  async accessToken({ resource, scope, signal }: AccessTokenOptions = {}): Promise<string> {
    const { token } = await this.freshToken({ resource, scope, signal })
    return token
  }

  async fetch(url: string | URL, init: RequestInit = {}): Promise<globalThis.Response> {
    const complaint = urlComplaint(String(url), this.#parts.server.provider.allowHttp)
    if (complaint !== undefined)
      throw new AuthError('ERR_AUTH_UPSTREAM', `the token is not sent there: the URL ${complaint}`)
    const send = ({ token, tokenType }: AccessToken): Promise<globalThis.Response> => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `${tokenType} ${token}`)
      return this.#parts.runtime.fetch(url, { ...init, headers })
    }
    const sent = await this.freshToken({ signal: init.signal ?? undefined, isRepeatable: !isStream(init.body) })
    const answer = await send(sent)
    if (answer.status !== 401) return answer
    if (isStream(init.body)) {
      this.replacement(sent).catch(() => {}) // for the next call
      return answer
    }

    const next = await this.replacement(sent)
    if (next === undefined) return answer
    await answer.body?.cancel()
    return send(next)
  }

  async userInfo(): Promise<UserInfoResponse> {
    const { user } = this.#demandAccount()
    return this.#parts.server.userInfo(await this.accessToken(), user.sub)
  }

  async grant(): Promise<GrantHealth> {
    const { grantId } = this.#demandAccount()
    const { generation, tokens, storedAt } = await this.#orForget(grantId, this.#parts.keeper.state(grantId))
    const { expiresAt, refreshToken, scope } = tokens
    return { generation, expiresAt, refreshedAt: storedAt, isRefreshable: refreshToken !== undefined, scope }
  }

  async login({ returnTo = this.#req.originalUrl, parameters = {}, maxAge }: LoginOptions = {}): Promise<void> {
    const returnPath = readReturnPath(returnTo, this.#parts.settings)
    // By name: a handler that passes a form on must not let it change the request itself.
    const accepted = readLoginParameters(
      (name) => (name === 'max_age' ? undefined : parameters[name]),
      LOGIN_PARAMETERS,
    )
    const request = { returnPath, attempt: 1, maxAge, parameters: accepted }
    await beginSignIn(this.#parts, this.#req, this.#res, request)
  }

  async logout(): Promise<void> {
    redirect(this.#res, await signOut(this.#parts, this.#req, this.#res))
  }

  /** @throws {AuthError} as `accessToken`. */
  async freshToken(request: AccessTokenRequest): Promise<AccessToken> {
    const { grantId } = this.#demandAccount()
    return this.#orForget(grantId, this.#parts.keeper.accessToken(grantId, request))
  }

  /**
   * Another token than the one that was refused, or `undefined` if there is none to be had now: then the refusal is the answer.
   *
   * @throws {AuthError} `ERR_AUTH_REVOKED` if the grant turns out to be over.
   */
  async replacement(refused: AccessToken): Promise<AccessToken | undefined> {
    try {
      return await this.freshToken({ refused: refused.token })
    } catch (error) {
      if (error instanceof AuthError && error.code !== 'ERR_AUTH_REVOKED') return undefined
      throw error
    }
  }

  #demandAccount(): Account {
    const { account } = this
    if (account === undefined) throw new AuthError('ERR_AUTH_REQUIRED', 'nobody is signed in')
    return account
  }

  /** A grant that has ended takes the sign-in with it: the next navigation begins a new one. */
  async #orForget<T>(grantId: string, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (error instanceof AuthError && error.code === 'ERR_AUTH_REVOKED')
        this.#parts.corner.forgetAccount(this.#req, grantId)
      throw error
    }
  }
}

/** Read once, and gone: a web stream, a Node stream, an async generator. */
function isStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}
