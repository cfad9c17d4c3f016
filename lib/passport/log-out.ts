import type { Request } from 'express'
import type { Done, LogOut, PassportMethods } from './passport-request.ts'

type Before = () => Promise<void>

/** What is to be done first, by request: several instances may serve one. */
const firsts = new WeakMap<Request, Before[]>()

/**
 * Does something of ours at `req.logout()`. Passport puts that on the request later than we come by, unless it is there, so it is caught
 * when it does.
 */
export function beforeLogOut(req: Request, before: Before): void {
  const known = firsts.get(req)
  if (known !== undefined) return void known.push(before)
  const all = [before]
  firsts.set(req, all)
  let { logOut } = req as PassportMethods

  function ours(...rest: readonly (object | Done | undefined)[]): void {
    const [options, done] = typeof rest[0] === 'function' ? [{}, rest[0] as Done] : [rest[0] ?? {}, rest[1] as Done]
    // Passport says so itself.
    if (typeof done !== 'function') return logOut?.call(req, options, done)
    Promise.all(all.map((one) => one())).then(() => logOut?.call(req, options, done), done)
  }
  const property: PropertyDescriptor = {
    configurable: true,
    enumerable: true,
    get: () => (logOut === undefined ? undefined : ours),
    set: (next: LogOut) => {
      // `req.logOut = req.logOut || …`
      if (next !== (ours as LogOut)) logOut = next
    },
  }
  Object.defineProperties(req, { logOut: property, logout: property })
}
