import type { Request, Response } from 'express'
import { AuthError } from '../errors.ts'
import { receiver } from '../express/callback.ts'
import { loginRoute } from '../express/login.ts'
import { isOf, type Registration } from '../express/registrations.ts'
import { openState } from '../protocol/transaction.ts'
import { readAuthenticateOptions } from './authenticate-options.ts'
import { complete, type Completed, type CompletionContext } from './completion.ts'
import { destinationFor } from './destination.ts'

/** What Passport puts on a strategy, for one request. */
export interface StrategyActions {
  success(user: object, info?: object): void
  fail(challenge?: object | string): void
  fail(challenge: object | string | undefined, status?: number): void
  error(error: unknown): void
}

/** For `passport.use()`. */
export interface PassportStrategy {
  readonly name: string
  authenticate(this: StrategyActions, req: Request, options?: unknown): void
}

export interface StrategyContext extends CompletionContext {
  /** Of the provider, in the configuration. */
  readonly key: string
  /** Gives the request its session and its `req.auth`. */
  readonly attach: (req: Request, res: Response) => Promise<unknown>
}

/** What a request comes to. `answered`: it has been, with a redirect as a rule. */
type Outcome = Completed | { kind: 'answered' } | { kind: 'error'; error: unknown }

/** Another strategy may know what to do with it. */
const NOT_OURS: Outcome = {
  kind: 'fail',
  challenge: { message: 'this address, or what arrived at it, belongs to another provider' },
  status: undefined,
}

/** About whom the end-user or the provider has decided; nothing that would end otherwise if it were tried again at once. */
const REFUSALS = new Set<unknown>(['ERR_AUTH_DENIED', 'ERR_AUTH_REQUIRED'])

/**
 * A Passport strategy over one provider. At the provider's login path it begins a sign-in, at its callback path it completes one; with
 * the same transactions, checks and grants as the routes that it stands in for.
 */
export function createStrategy(context: StrategyContext): PassportStrategy {
  const { parts, key, attach } = context
  const { settings, registrations, stateSealer, connectionSealer } = parts
  const begin = loginRoute(parts)
  const receive = receiver(parts)

  async function outcomeOf(req: Request, given: unknown): Promise<Outcome> {
    const { res } = req
    if (res === undefined) throw new AuthError('ERR_AUTH_SETUP', 'the request does not come from Express')
    await attach(req, res)
    const registration = registrationOf(req)
    if (registration === undefined) return NOT_OURS
    const isCompletion = isCompletionOf(registration, req)
    if (isCompletion && isForAnother(registration, req)) return NOT_OURS

    const options = readAuthenticateOptions(given)
    const { purpose, parameters } = options
    if (!isCompletion) {
      const destination = destinationFor(purpose, parts, registration, req)
      await begin(req, res, registration, { destination, parameters, returnTo: plannedReturn(req) })
      return { kind: 'answered' }
    }
    // The code stands in the address: whatever answers here, Passport's redirect or a page, must not pass that on.
    res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' })
    let received
    try {
      received = await receive(req, res, registration, purpose)
    } catch (error) {
      if (!(error instanceof AuthError) || !REFUSALS.has(error.code)) throw error
      return { kind: 'fail', challenge: { message: error.message, code: error.code }, status: error.status }
    }
    if (received === 'answered') return { kind: 'answered' }
    return complete(context, received, registration, req, res, options)
  }

  /**
   * The one of the path, where there are tenants; else the one of the request.
   *
   * @returns `undefined` at the sign-in or the callback path of another provider.
   */
  function registrationOf(req: Request): Registration | undefined {
    const path = pathOf(req)
    for (const above of [settings.paths.login, settings.paths.callback]) {
      const named = path.startsWith(`${above}/`) ? registrations.inPath(path.slice(above.length + 1), req) : undefined
      if (named !== undefined) return isOf(key, named) ? named : undefined
    }
    return registrations.at(key, req)
  }

  /** On a path of the application: at its own callback, the answer to another provider's request is an attack, or a mistake. */
  function isForAnother({ key: own, paths }: Registration, req: Request): boolean {
    if (pathOf(req) === paths.callback) return false
    const state = queryOf(req).get('state')
    const content = openState(state, stateSealer) ?? openState(state, connectionSealer)
    return content !== undefined && content.provider !== own
  }

  return {
    name: key,
    authenticate(req, options) {
      const act = (outcome: Outcome): void => {
        switch (outcome.kind) {
          case 'answered':
            return
          case 'success':
            return this.success(outcome.user as object, outcome.info as object)
          case 'fail':
            return this.fail(outcome.challenge, outcome.status)
          case 'error':
            return this.error(outcome.error)
          default:
            return outcome satisfies never
        }
      }
      outcomeOf(req, options)
        .catch((error: unknown): Outcome => ({ kind: 'error', error }))
        .then(act)
        // A callback of the application that throws has been called: its error goes to Express, and not to the callback again.
        .catch((error: unknown) => {
          if (req.next === undefined) throw error
          req.next(error)
        })
    },
  }
}

function pathOf({ originalUrl }: Request): string {
  return originalUrl.split('?', 1)[0] ?? ''
}

function queryOf({ originalUrl }: Request): URLSearchParams {
  return new URLSearchParams(originalUrl.split('?', 2)[1] ?? '')
}

/** Where the application has noted that its user was going, by the convention that `successReturnToOrRedirect` follows. */
function plannedReturn({ session }: Request): string | undefined {
  const { returnTo } = session as { returnTo?: unknown }
  return typeof returnTo === 'string' ? returnTo : undefined
}

/** By its path, so that an answer without parameters does not begin another sign-in; on paths of the application, by its parameters. */
function isCompletionOf({ paths }: Registration, req: Request): boolean {
  const path = pathOf(req)
  if (path === paths.callback) return true
  if (path === paths.login) return false
  const query = queryOf(req)
  return ['code', 'error', 'state', 'posted'].some((name) => query.has(name))
}
