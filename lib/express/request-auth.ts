import type { Request, Response } from 'express'
import type { UserInfoResponse } from 'openid-client'
import { AuthError } from '../errors.ts'
import type { AccessToken, AccessTokenRequest } from '../grants/access-tokens.ts'
import type { AnswerPattern } from '../providers/provider.ts'
import type { Account, User } from '../session/account.ts'
import type { TokenSource } from './authorized-fetch.ts'
import { readReturnPath } from './login.ts'
import { signOut } from './logout.ts'
import type { Parts } from './parts.ts'
import {
  ProviderAccess,
  type AccessTokenOptions,
  type AccountAuth,
  type GrantHealth,
  type LoginOptions,
  type ProviderAuth,
} from './provider-auth.ts'
import type { Registration } from './registrations.ts'
import { redirect, redirectToLogin } from './sign-in.ts'
import { signedIn } from './signed-in.ts'

/** `req.auth`: who is signed in, and what can be done for them. */
export interface RequestAuth extends AccountAuth {
  readonly isAuthenticated: boolean
  /** Claims of the ID Token, or of the provider's API. */
  readonly user: User | undefined
  /** Epoch milliseconds. */
  readonly signedInAt: number | undefined
  /** Key of the provider that the user signed in with, with the tenant behind it (`hub/contoso`). */
  readonly signedInWith: string | undefined

  /**
   * Their account at one of several providers.
   *
   * @param key in the configuration; the tenant is that of the request.
   * @throws {AuthError} `ERR_AUTH_OPTIONS` for a key that is not configured, `ERR_AUTH_REQUEST` where the request belongs to no tenant.
   */
  provider(key: string): ProviderAuth

  /**
   * Answers this request with the redirect that begins a sign-in; signed in, once more at the same provider. Where several could sign the
   * user in, it leads to the page to choose on, which takes `returnTo` alone.
   */
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
export class ConnectedRequest implements RequestAuth, TokenSource {
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
    return signedIn(this.#parts, this.#req)
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

  get signedInWith(): string | undefined {
    return this.account?.provider
  }

  provider(key: string): ProviderAccess {
    return this.#at(this.#parts.registrations.at(key, this.#req))
  }

  async accessToken(options?: AccessTokenOptions): Promise<string> {
    return this.#own().accessToken(options)
  }

  async fetch(url: string | URL, init?: RequestInit): Promise<globalThis.Response> {
    return this.#own().fetch(url, init)
  }

  async userInfo(): Promise<UserInfoResponse> {
    return this.#own().userInfo()
  }

  async grant(): Promise<GrantHealth> {
    return this.#own().grant()
  }

  async login(options: LoginOptions = {}): Promise<void> {
    const { registrations, settings } = this.#parts
    const { account } = this
    const current = account === undefined ? undefined : registrations.get(account.provider)
    const [first, ...others] = current === undefined ? registrations.signingIn(this.#req) : [current]
    if (first !== undefined && others.length === 0) return this.#at(first).connect(options)
    const { returnTo = this.#req.originalUrl } = options
    redirectToLogin(this.#res, readReturnPath(returnTo, settings), settings.paths.login)
  }

  async logout(): Promise<void> {
    redirect(this.#res, await signOut(this.#parts, this.#req, this.#res))
  }

  get expiredTokenAnswers(): readonly AnswerPattern[] {
    return this.#own().expiredTokenAnswers
  }

  /** @throws {AuthError} as `accessToken`. */
  async freshToken(request: AccessTokenRequest): Promise<AccessToken> {
    return this.#own().freshToken(request)
  }

  async isRefreshable(): Promise<boolean> {
    return this.#own().isRefreshable()
  }

  /** The account they signed in with. */
  #own(): ProviderAccess {
    const { account } = this
    const registration = account && this.#parts.registrations.get(account.provider)
    if (registration === undefined) throw new AuthError('ERR_AUTH_REQUIRED', 'nobody is signed in')
    return this.#at(registration)
  }

  #at(registration: Registration): ProviderAccess {
    return new ProviderAccess(this.#parts, registration, this.#req, this.#res, () => this.account)
  }
}
