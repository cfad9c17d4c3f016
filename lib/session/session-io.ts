import type { Request } from 'express'
import type { SessionData, Store } from 'express-session'
import { AuthError } from '../errors.ts'

/** What is stored of a session; `undefined` if there is none. @throws {AuthError} `ERR_AUTH_UNAVAILABLE`, as all here. */
export async function readSession(store: Store, id: string): Promise<SessionData | undefined> {
  return new Promise((resolve, reject) => {
    store.get(id, (error: unknown, found) => {
      // Some stores say so of a session that is not there, and express-session understands.
      if (error && (error as { code?: unknown }).code !== 'ENOENT') reject(storeUnreachable(error))
      else resolve(error ? undefined : (found ?? undefined))
    })
  })
}

/** What is stored under the request's session id by now. */
export async function readStored({ sessionStore, sessionID }: Request): Promise<SessionData | undefined> {
  return readSession(sessionStore, sessionID)
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

/** For express-session's callbacks that bring nothing. */
export async function settle(call: (done: (error?: unknown) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    call((error) => (error ? reject(storeUnreachable(error)) : resolve()))
  })
}

export function storeUnreachable(cause: unknown): AuthError {
  return new AuthError('ERR_AUTH_UNAVAILABLE', 'the session store cannot be reached', { cause, retryAfterSeconds: 1 })
}
