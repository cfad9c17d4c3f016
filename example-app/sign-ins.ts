import type { Request, RequestHandler, Response } from 'express'
import type { Latchkey, SignIn } from 'latchkey'

/** Where the user of this request is signed in, this browser included. */
export async function signInsOf(req: Request, auth: Latchkey): Promise<readonly SignIn[]> {
  const { user, signedInWith: provider } = req.auth
  return user === undefined ? [] : auth.grants.forSubject(user.sub, { provider }).list({ request: req })
}

/** `POST /sign-ins/end-others`: signs out this user's other devices. */
export function endOthers(auth: Latchkey): RequestHandler {
  return async function endOtherSignIns(req: Request, res: Response): Promise<void> {
    const { user, signedInWith: provider } = req.auth
    if (user !== undefined) await auth.grants.forSubject(user.sub, { provider }).endSessions({ except: req })
    res.redirect(303, '/profile')
  }
}
