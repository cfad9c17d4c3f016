import type { Request } from 'express'
import type { Done, PassportMethods, PassportOptions } from './passport-request.ts'

/**
 * Does something of ours at `req.logIn()`, whoever calls it: Passport itself, or the application's own callback, which may refuse, too.
 *
 * @param before before Passport takes over.
 * @param undo if Passport cannot log the user in after all, as when they cannot be serialised.
 */
export function aroundLogIn(
  req: Request,
  before: (options: PassportOptions) => Promise<void>,
  undo: () => Promise<void>,
): void {
  const { logIn } = req as PassportMethods
  if (logIn === undefined) return

  function ours(user: unknown, ...rest: readonly (PassportOptions | Done | undefined)[]): void {
    const [options, done] = typeof rest[0] === 'function' ? [{}, rest[0]] : [rest[0] ?? {}, rest[1] as Done | undefined]
    Object.assign(req, { logIn, login: logIn })
    const after: Done = (error) => {
      if (error === undefined || error === null) return done?.()
      const failed = (): void => done?.(error)
      undo().then(failed, failed)
    }
    // The session is a new one by then, with nothing in it that was there before the sign-in: what is in it is to be kept.
    before(options).then(
      () => logIn?.call(req, user, { ...options, keepSessionInfo: true } as PassportOptions, after),
      (error: unknown) => done?.(error),
    )
  }
  Object.assign(req, { logIn: ours, login: ours })
}
