import type { Request, RequestHandler, Response } from 'express'
import type { Latchkey, SignIn } from 'latchkey'

/** Where the user of this request is signed in, this browser included. */
export async function signInsOf(req: Request, auth: Latchkey): Promise<readonly SignIn[]> {
  const { user } = req.auth
  return user === undefined ? [] : auth.grants.forSubject(user.sub).list({ request: req })
}

/** `POST /sign-ins/end-others`: signs out this user's other devices. */
export function endOthers(auth: Latchkey): RequestHandler {
  return async function endOtherSignIns(req: Request, res: Response): Promise<void> {
    const { user } = req.auth
    if (user !== undefined) await auth.grants.forSubject(user.sub).endSessions({ except: req })
    res.redirect(303, '/profile')
  }
}

/** A form on another site must not do that for them. */
export const sameOriginOnly: RequestHandler = (req, res, next) => {
  const site = req.get('sec-fetch-site')
  if (site === undefined || site === 'same-origin') return next()
  res.status(403).type('text').send('This can only be asked for from here.\n')
}
