import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { Assembly } from './assembly.ts'
import { AuthError } from './errors.ts'
import { wantsEventStream } from './event-stream.ts'
import { wantedPath } from './express/callback.ts'
import { answerError } from './express/error-answer.ts'
import { endGrants } from './express/logout.ts'
import { isNavigation } from './express/navigation.ts'
import type { Fail } from './express/parts.ts'
import { ConnectedRequest, type RequestAuth } from './express/request-auth.ts'
import { loginPathOf } from './express/sign-in.ts'
import { MemoryGrantStore } from './grants/memory-grant-store.ts'
import { shareHiddenClass } from './hidden-classes.ts'
import { beforeLogOut } from './passport/log-out.ts'
import { warnOfPeers } from './peers.ts'
import { lengthComplaint, malformed } from './proxy/gate/framing.ts'
import { upgradeOf } from './proxy/upgrade/upgrade-request.ts'
import { demandSessionBefore } from './session/session-middleware.ts'
import type { HowFresh } from './session/session-reader.ts'

/** What every handler of one instance does first, and last. */
export interface Entrance {
  /** `app.use(auth)`: our own routes, and `req.auth` for all others. */
  readonly middleware: RequestHandler
  /** The session and `req.auth`, once per request, whichever of our handlers comes first. @throws {AuthError} `ERR_AUTH_UNAVAILABLE` */
  readonly attach: (req: Request, res: Response) => Promise<ConnectedRequest>
  /** Tells of what is our fault, or that of a server behind us. */
  readonly note: (error: AuthError, req: Request) => void
  /** Never throws: a handler that rejects ends the process in Express 4, and functions of the application are asked here. */
  readonly fail: Fail
}

export function createEntrance({ parts, ownRoutes, grantStore }: Assembly): Entrance {
  const { session, runtime, tell } = parts
  let isSetupChecked = false

  async function attach(
    req: Request,
    res: Response,
    howFresh: HowFresh = isRead(req) ? 'as-cached' : 'fresh',
  ): Promise<ConnectedRequest> {
    const attached = req.auth as RequestAuth | undefined
    if (attached instanceof ConnectedRequest && attached.isOf(parts)) return attached
    shareHiddenClass(req, res)
    await session.load(req, res, howFresh)
    const auth = new ConnectedRequest(parts, req, res)
    req.auth = auth
    if (ownRoutes.hasHandedOver) beforeLogOut(req, () => endGrants(parts, req))
    return auth
  }

  const note = (error: AuthError, req: Request): void => {
    if (error.status >= 500) tell({ type: 'error', code: error.code, route: req.baseUrl + req.path, error })
  }

  const fail: Fail = (error, req, res, next) => {
    try {
      answer(error, req, res, next)
    } catch (thrown) {
      next(thrown)
    }
  }

  const answer: Fail = (error, req, res, next) => {
    if (!(error instanceof AuthError)) return next(error)
    note(error, req)
    const isOwn = ownRoutes.isOwn(req)
    const returnPath = isNavigation(req) ? wantedPath(parts, req, isOwn) : undefined
    const loginUrl = loginPathOf(parts, req, error)
    answerError(error, req, res, { ...parts.settings, loginUrl }, returnPath)
  }

  async function latchkeyMiddleware(req: Request, res: Response, next: NextFunction): Promise<void> {
    try {
      if (!isSetupChecked) demandSessionBefore(req, latchkeyMiddleware as RequestHandler)
      const complaint = lengthComplaint(req)
      if (complaint !== undefined) throw malformed(complaint, res)
      const route = ownRoutes.find(req)
      if (route?.isSessionless === true) return await route.answer(req, res)
      await (route === undefined ? attach(req, res) : attach(req, res, 'fresh'))
      if (!isSetupChecked)
        warnOfPeers(runtime, { sessions: session.isInMemory, grants: grantStore instanceof MemoryGrantStore })
      isSetupChecked = true
      if (route !== undefined) return await route.answer(req, res)
    } catch (error) {
      return fail(error, req, res, next)
    }
    next()
  }

  return { middleware: latchkeyMiddleware as RequestHandler, attach, note, fail }
}

/** What goes on for long must know better. */
function isRead(req: Request): boolean {
  const { method } = req
  return (method === 'GET' || method === 'HEAD') && upgradeOf(req) === undefined && !wantsEventStream(req)
}
