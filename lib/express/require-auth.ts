import type { Request, RequestHandler, Response } from 'express'
import * as z from 'zod'
import { AuthError } from '../errors.ts'
import { fn, readOptions, text, type Same } from '../option-reader.ts'
import type { ProviderAccount, User } from '../session/account.ts'
import { isNavigation } from './navigation.ts'
import type { Fail, Parts } from './parts.ts'
import type { ConnectedRequest } from './request-auth.ts'
import { readReturnPath } from './login.ts'
import { loginPathOf, redirectToLogin } from './sign-in.ts'

/** What a signed-in user must have beyond being signed in. Missing any of it is 403: signing in again would not help. */
export interface Requirements {
  /** Key of a provider at which the user must have an account, connected if it is not the one they signed in with. The rest is about it. */
  provider?: string | undefined
  /** Every one of these was granted (RFC 6749 §3.3). Space-separated or a list. */
  scope?: string | readonly string[] | undefined
  /** Claims of the ID Token: equal to the value, or to one of a list; a claim that is a list must contain it. */
  claims?: Readonly<Record<string, unknown>> | undefined
  /** Anything else. */
  check?: ((user: User, req: Request) => boolean | Promise<boolean>) | undefined
}

const SCOPE = 'must be scope names, in a string or a list'

const schema = z.strictObject({
  provider: text('a key of "providers"').optional(),
  scope: z.union([z.string().regex(/\S/, SCOPE), z.array(text()).readonly()], SCOPE).optional(),
  claims: z.record(z.string(), z.unknown(), 'must be an object of claims').readonly().optional(),
  check: fn<(user: User, req: Request) => boolean | Promise<boolean>>('(user, req) => boolean').optional(),
})

const documented: Same<z.input<typeof schema>, Requirements> = true
void documented

/**
 * The guard. Not signed in: a navigation goes to the sign-in and comes back, anything else gets 401. The same for an account that is not
 * connected. Signed in but not allowed: 403.
 *
 * @param attach gives the request its `req.auth`.
 */
export function requireAuth(
  parts: Parts,
  attach: (req: Request, res: Response) => Promise<ConnectedRequest>,
  fail: Fail,
  requirements: Requirements,
): RequestHandler {
  const { claims = {}, check, provider, ...rest } = readOptions(schema, requirements, 'requireAuth()')
  const scopes = typeof rest.scope === 'string' ? (rest.scope.match(/\S+/g) ?? []) : (rest.scope ?? [])
  const { settings, registrations } = parts
  if (provider !== undefined) registrations.demand(provider, 'requireAuth()')

  async function demand(req: Request, account: ProviderAccount): Promise<void> {
    const missing = scopes.find((scope) => !account.scope.split(' ').includes(scope))
    if (missing !== undefined) throw new AuthError('ERR_AUTH_FORBIDDEN', `the scope "${missing}" was not granted`)
    if (!hasClaims(account, claims)) throw new AuthError('ERR_AUTH_FORBIDDEN', 'this account is not allowed here')
    if (check !== undefined && !(await check(account.user, req)))
      throw new AuthError('ERR_AUTH_FORBIDDEN', 'this account is not allowed here')
  }

  return async function requireAuthMiddleware(req, res, next) {
    try {
      const auth = await attach(req, res)
      const { account } = auth
      if (account === undefined) throw new AuthError('ERR_AUTH_REQUIRED', 'sign in first')
      await demand(req, provider === undefined ? account : await auth.provider(provider).demandLiveAccount())
    } catch (error) {
      if (!(error instanceof AuthError) || error.code !== 'ERR_AUTH_REQUIRED' || !isNavigation(req))
        return fail(error, req, res, next)
      try {
        return redirectToLogin(res, readReturnPath(req.originalUrl, settings), loginPathOf(parts, req, error))
      } catch (thrown) {
        return next(thrown) // of the application's own: which tenant is it?
      }
    }
    // What is made for one user is for nobody else, unless the route says otherwise.
    res.set('Cache-Control', 'no-store')
    next()
  }
}

function hasClaims({ user }: ProviderAccount, claims: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(claims).every(([name, expected]) => {
    const actual = Object.hasOwn(user, name) ? toList(user[name]) : []
    return toList(expected).some((value) => actual.includes(value))
  })
}

function toList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}
