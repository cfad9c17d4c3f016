import { AuthError } from '../errors.ts'
import { createStrategy, type PassportStrategy, type StrategyContext } from './strategy.ts'
import type { TakesDone, Verify, VerifyWithRequest } from './verify.ts'

export interface StrategyOptions {
  /** `verify` gets the request first. */
  passReqToCallback: true
}

/**
 * Makes a Passport strategy for one provider: `passport.use('healthkey', auth.strategy('healthkey', verify))`. Its name is the key.
 *
 * With that, the sign-in and the callback path of the provider are the application's: it mounts one of Passport's two verbs on both, after
 * `auth`, or they answer 404. `passport.authenticate()` signs in, also where somebody is signed in already; `passport.authorize()` connects
 * the account to who is signed in, and gives it to the application where nobody is. What was begun by the one is not completed by the other.
 *
 * @param key of one of `providers`. Default: the only one, where there is one `provider`.
 * @param options `passReqToCallback`, default `false`.
 * @param verify finds the application's user for an account, or refuses.
 * @throws {AuthError} `ERR_AUTH_OPTIONS` for a key that is not configured, or arguments of another shape.
 */
export interface CreateStrategy {
  (key: string, verify: Verify): PassportStrategy
  (key: string, options: StrategyOptions, verify: VerifyWithRequest): PassportStrategy
  (verify: Verify): PassportStrategy
  (options: StrategyOptions, verify: VerifyWithRequest): PassportStrategy
}

export interface CreateStrategyContext extends Pick<StrategyContext, 'parts' | 'attach'> {
  /** Of the only provider. */
  readonly onlyKey: string | undefined
  /** From now on the application has the sign-in and the callback path of this provider. */
  readonly handOver: (key: string) => void
}

export function strategyFactory({ parts, attach, onlyKey, handOver }: CreateStrategyContext): CreateStrategy {
  return function strategy(...given: readonly unknown[]): PassportStrategy {
    const [key, ...rest] = typeof given[0] === 'string' ? given : [onlyKey, ...given]
    if (typeof key !== 'string') throw wrong('the key of one of "providers" must come first')
    parts.registrations.demand(key, 'strategy()')
    const verify = rest.at(-1)
    if (typeof verify !== 'function') throw wrong('"verify" must be (signIn, done) => …')
    const options = rest.length > 1 ? rest[0] : {}
    const unknown = Object.keys(options ?? {}).find((name) => name !== 'passReqToCallback')
    if (unknown !== undefined) throw wrong(`"${unknown}" is unknown; expected passReqToCallback`)

    handOver(key)
    const passesRequest = (options as Partial<StrategyOptions>).passReqToCallback === true
    return createStrategy({
      parts,
      attach,
      key,
      verify: (req, signIn, done) =>
        passesRequest ? (verify as VerifyWithRequest)(req, signIn, done) : (verify as Verify)(signIn, done),
      takesDone: takesDone(verify.length - (passesRequest ? 2 : 1)),
    })
  }
}

/** @param more parameters than what is asked about. Rest parameters count as none. */
function takesDone(more: number): TakesDone {
  if (more === 0) return 'no'
  return more > 0 ? 'yes' : 'maybe'
}

function wrong(what: string): AuthError {
  return new AuthError('ERR_AUTH_OPTIONS', `strategy(): ${what}`)
}
