import type { Request } from 'express'
import type { SessionData } from 'express-session'
import { AuthError } from '../errors.ts'

/** What is stored under the request's session id by now. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`, as all here. */
export async function readStored({ sessionStore, sessionID }: Request): Promise<SessionData | undefined> {
  let found: SessionData | null | undefined
  await settle((done) =>
    sessionStore.get(sessionID, (error: unknown, stored) => {
      found = stored
      done(error)
    }),
  )
  return found ?? undefined
}

export async function save(req: Request): Promise<void> {
  await settle((done) => req.session.save(done))
}

/** Takes the application's own part of a session along. @param keep its keys. */
export function takeAlong(old: Request['session'], session: Request['session'], keep: readonly string[] | 'all'): void {
  const own = Object.entries(old).filter(([key]) => key !== 'cookie' && key !== 'latchkey')
  Object.assign(session, Object.fromEntries(keep === 'all' ? own : own.filter(([key]) => keep.includes(key))))
  const { originalMaxAge } = old.cookie
  if (keep === 'all' && originalMaxAge !== null) session.cookie.maxAge = originalMaxAge
}

/** The one place where express-session's callbacks become promises. */
export async function settle(call: (done: (error?: unknown) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    call((error) => (error ? reject(storeUnreachable(error)) : resolve()))
  })
}

export function storeUnreachable(cause: unknown): AuthError {
  return new AuthError('ERR_AUTH_UNAVAILABLE', 'the session store cannot be reached', { cause, retryAfterSeconds: 1 })
}
